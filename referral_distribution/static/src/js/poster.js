import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { Interaction } from "@web/public/interaction";

/** Choosing, saving and sharing a poster of a personal link (rule S6). */
export class ReferralPoster extends Interaction {
    static selector = ".o_referral_posters";
    dynamicContent = {
        ".o_referral_poster_choice": { "t-on-click.prevent.withTarget": this.onChoose },
        ".o_referral_poster": {
            "t-on-load": this.onShown,
            "t-on-error": this.onShown,
        },
        ".o_referral_poster_save": { "t-on-click": () => this.record() },
        ".o_referral_poster_share": {
            "t-on-click": this.onShare,
            "t-att-class": () => ({ "d-none": !this.canShareFiles }),
        },
    };

    setup() {
        const probe = new File([""], "poster.png", { type: "image/png" });
        this.canShareFiles = Boolean(navigator.canShare?.({ files: [probe] }));
        this.poster = this.el.querySelector(".o_referral_poster");
        this.save = this.el.querySelector(".o_referral_poster_save");
    }

    /**
     * @param {Event} ev
     * @param {HTMLAnchorElement} choice
     */
    onChoose(ev, choice) {
        for (const other of this.el.querySelectorAll(".o_referral_poster_choice")) {
            other.classList.toggle("active", other === choice);
            other.removeAttribute("aria-current");
        }
        choice.setAttribute("aria-current", "true");
        if (this.poster.getAttribute("src") !== choice.getAttribute("href")) {
            this.poster.classList.add("o_referral_loading");
            this.poster.src = choice.getAttribute("href");
            this.save.href = choice.getAttribute("href");
        }
    }

    onShown() {
        this.poster.classList.remove("o_referral_loading");
    }

    async onShare() {
        try {
            const answer = await this.waitFor(fetch(this.poster.src));
            const picture = await this.waitFor(answer.blob());
            const file = new File([picture], this.el.dataset.fileName, {
                type: "image/png",
            });
            await this.waitFor(navigator.share({ files: [file] }));
        } catch {
            return; // closed by the member, or not loaded: nothing was shared
        }
        await this.record();
    }

    /** Tells the server that the poster went out. */
    async record() {
        const id = parseInt(this.el.dataset.linkId);
        await this.waitFor(
            rpc(
                "/my/referral/share/record",
                { link_id: id, method: "poster" },
                { silent: true }
            )
        );
    }
}

registry
    .category("public.interactions")
    .add("referral_distribution.poster", ReferralPoster);
