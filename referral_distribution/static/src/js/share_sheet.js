import { _t } from "@web/core/l10n/translation";
import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { Interaction } from "@web/public/interaction";
import { copyText, sayOn } from "./share";

const ORIGINAL_OPENS_MS = 1500;
const FORWARD = "#referral-forward";

/** Whether the page is shown by WeChat's own browser. */
function isInWechat() {
    return /MicroMessenger/i.test(navigator.userAgent);
}

/**
 * Asks for the share sheet of a page.
 *
 * @param {string} url
 * @param {number} [channel] by default the one used last
 * @returns {Promise<HTMLElement>} the sheet, or why there is none
 */
async function fetchSheet(url, channel) {
    const { html, problem } = await rpc(
        "/my/referral/share/sheet",
        { url, channel },
        { silent: true }
    );
    const holder = document.createElement("div");
    if (html) {
        holder.innerHTML = html; // rendered by our own server
        return holder.firstElementChild;
    }
    holder.className = "o_referral_sheet_problem alert alert-warning mb-0";
    holder.setAttribute("role", "alert");
    holder.textContent = problem;
    return holder;
}

/** A button or form, on any page, that opens the share sheet over it (rule S6). */
export class ReferralShareOpener extends Interaction {
    static selector = ".o_referral_share_open";
    dynamicContent = {
        _root: {
            "t-on-click": this.onClick,
            "t-on-submit": this.onSubmit,
        },
    };

    /** @param {Event} ev */
    async onClick(ev) {
        if (this.el.tagName === "A") {
            await this.open(ev, () => window.location.assign(this.el.href));
        }
    }

    /** @param {Event} ev */
    async onSubmit(ev) {
        await this.open(ev, () => this.el.submit());
    }

    /**
     * @param {Event} ev
     * @param {Function} goThere what happens without a sheet
     */
    async open(ev, goThere) {
        if (!window.HTMLDialogElement) {
            return;
        }
        ev.preventDefault();
        if (this.isOpening) {
            return;
        }
        this.isOpening = true;
        const { url, channel } = this.el.dataset;
        try {
            this.show(await this.waitFor(fetchSheet(url, parseInt(channel) || undefined)));
        } catch {
            goThere(); // logged out meanwhile, or offline
        } finally {
            this.isOpening = false;
        }
    }

    /** @param {HTMLElement} sheet */
    show(sheet) {
        const dialog = document.createElement("dialog");
        dialog.className = "o_referral_dialog";
        dialog.setAttribute("aria-label", _t("Share"));
        dialog.tabIndex = -1;
        const close = document.createElement("button");
        close.type = "button";
        close.className = "o_referral_dialog_close btn-close";
        close.setAttribute("aria-label", _t("Close"));
        dialog.append(close, sheet);
        for (const target of [close, dialog]) {
            target.addEventListener("click", (ev) => {
                if (ev.target === target) {
                    dialog.close();
                }
            });
        }
        dialog.addEventListener("close", () => {
            this.services["public.interactions"].stopInteractions(dialog);
            dialog.remove();
        });
        this.insert(dialog, document.body);
        dialog.showModal();
        dialog.focus(); // else it is the close button that looks pressed
    }
}

/** The share sheet itself: on the link's own page, and in the dialog (rules S2-S6). */
export class ReferralSheet extends Interaction {
    static selector = ".o_referral_sheet";
    dynamicContent = {
        _window: { "t-on-focus": this.onReturn },
        ".o_referral_native": { "t-att-class": () => ({ "d-none": !navigator.share }) },
        ".o_referral_url": { "t-on-click.withTarget": (ev, input) => input.select() },
        ".o_referral_copy": { "t-on-click.withTarget": this.onCopy },
        "[data-method='native']": { "t-on-click": this.onNative },
        "[data-method='weibo'][href], [data-method='email'][href]": {
            "t-on-click.withTarget": (ev, way) => this.record(way.dataset.method),
        },
        "[data-panel][href]": { "t-on-click.withTarget": this.onPanel },
        ".o_referral_chips": { "t-on-submit": this.onChannel },
        ".o_referral_original": { "t-on-submit": this.onOriginal },
    };

    start() {
        const current = this.el.querySelector(".o_referral_chip.active");
        current?.scrollIntoView({ block: "nearest", inline: "center" });
    }

    /**
     * @param {Event} ev
     * @param {HTMLElement} button
     */
    async onCopy(ev, button) {
        const copied = await this.waitFor(copyText(this.el.dataset.shareUrl, this.el));
        sayOn(this, button, copied ? _t("Copied") : _t("Select the text to copy it"));
        button.classList.toggle("o_referral_copied", copied);
        if (copied) {
            await this.record("copy");
        }
    }

    async onNative() {
        const { shareUrl: url, shareTitle: title, shareText: text } = this.el.dataset;
        try {
            await this.waitFor(navigator.share({ title, url, ...(text && { text }) }));
        } catch {
            return; // closed by the member: nothing was shared
        }
        await this.record("native");
    }

    /**
     * @param {Event} ev
     * @param {HTMLElement} way
     */
    async onPanel(ev, way) {
        ev.preventDefault();
        const { panel: name, method } = way.dataset;
        const isInside = name === "wechat" && isInWechat();
        for (const panel of this.el.querySelectorAll(".o_referral_panel")) {
            const isOpen = panel.dataset.name === name && panel.classList.contains("d-none");
            panel.classList.toggle("d-none", !isOpen);
            for (const image of isOpen && !isInside ? panel.querySelectorAll("img[data-src]") : []) {
                image.src ||= image.dataset.src;
            }
        }
        const shown = this.el.querySelector(".o_referral_panel:not(.d-none)");
        for (const other of this.el.querySelectorAll("[data-panel]")) {
            const isShown = other.dataset.panel === shown?.dataset.name;
            other.setAttribute("aria-expanded", isShown);
        }
        if (shown) {
            shown.scrollIntoView({ block: "nearest" });
            await this.record(method);
            if (isInside) {
                this.forward(shown);
            }
        }
    }

    /**
     * WeChat forwards the page that is open: it has to carry the member's code.
     *
     * @param {HTMLElement} panel
     */
    forward(panel) {
        const page = new URL(this.el.dataset.forwardUrl, window.location.origin);
        if (page.pathname !== window.location.pathname) {
            page.hash = FORWARD;
            window.location.assign(page.href);
            return;
        }
        history.replaceState(history.state, "", page.href);
        panel.querySelector(".o_referral_panel_elsewhere").classList.add("d-none");
        panel.querySelector(".o_referral_panel_inside").classList.remove("d-none");
    }

    /** @param {SubmitEvent} ev */
    async onChannel(ev) {
        if (this.el.closest("dialog") && ev.submitter) {
            ev.preventDefault();
            await this.refresh(parseInt(ev.submitter.value));
        }
    }

    onOriginal() {
        this.isReading = true;
        this.waitForTimeout(() => this.onReturn(), ORIGINAL_OPENS_MS);
    }

    /** The member comes back from the original: the buttons work now (rule S3). */
    async onReturn() {
        if (!this.isReading) {
            return;
        }
        if (this.el.closest("dialog")) {
            await this.refresh();
        } else {
            window.location.reload();
        }
    }

    /** @param {number} [channel] */
    async refresh(channel) {
        const chosen = this.el.querySelector(".o_referral_chip.active")?.value;
        const sheet = await this.waitFor(
            fetchSheet(this.el.dataset.target, channel || parseInt(chosen) || undefined)
        );
        const interactions = this.services["public.interactions"];
        this.el.replaceWith(sheet);
        interactions.startInteractions(sheet);
        interactions.stopInteractions(this.el);
    }

    /**
     * Tells the server that the link went out, and the member what came of it.
     *
     * @param {string} method a method of `referral.share`
     */
    async record(method) {
        const { message, problem } = await this.waitFor(
            rpc(
                "/my/referral/share/record",
                { link_id: parseInt(this.el.dataset.linkId), method },
                { silent: true }
            )
        );
        const said = this.el.querySelector(".o_referral_sheet_said");
        said.textContent = problem || message || said.textContent;
        said.classList.toggle("text-danger", !!problem);
        if (message) {
            this.el.querySelector(".o_referral_point")?.remove();
        }
    }
}

/** In WeChat, shows where to tap so that the open page is sent on (rule S6). */
export class ReferralForwardGuide extends Interaction {
    static selector = "#wrapwrap";

    start() {
        if (window.location.hash !== FORWARD || !isInWechat()) {
            return;
        }
        const guide = document.createElement("button");
        guide.type = "button";
        guide.className = "o_referral_forward_guide";
        guide.textContent = _t(
            "Tap ··· up here, then send the page to a chat or to your Moments."
        );
        this.addListener(guide, "click", () => guide.remove());
        this.insert(guide, document.body);
    }
}

const interactions = registry.category("public.interactions");
interactions.add("referral_distribution.share_opener", ReferralShareOpener);
interactions.add("referral_distribution.sheet", ReferralSheet);
interactions.add("referral_distribution.forward_guide", ReferralForwardGuide);
