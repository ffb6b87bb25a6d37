import { _t } from "@web/core/l10n/translation";
import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { Interaction } from "@web/public/interaction";

const FEEDBACK_MS = 2000;

/**
 * Copies to the clipboard where the browser has one (https), and through a selection
 * elsewhere: many phones reach an office server by plain http.
 *
 * @param {string} text
 * @returns {Promise<boolean>} whether it was copied
 */
export async function copyText(text) {
    if (navigator.clipboard && window.isSecureContext) {
        try {
            await navigator.clipboard.writeText(text);
            return true;
        } catch {
            // refused by the browser: the selection may still work
        }
    }
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("readonly", "");
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
}

/** Copy and share buttons of the members' pages (rules S2, S6). */
export class ReferralShare extends Interaction {
    static selector = ".o_referral_portal";
    dynamicContent = {
        ".o_referral_copy": { "t-on-click.withTarget": this.onCopy },
        ".o_referral_native_share": {
            "t-on-click.withTarget": this.onShare,
            "t-att-class": () => ({ "d-none": !navigator.share }),
        },
        ".o_referral_actions .o_referral_copy": {
            "t-att-class": () => ({
                "btn-primary": !navigator.share,
                "btn-outline-primary": !!navigator.share,
            }),
        },
        ".o_referral_url": { "t-on-focus.withTarget": (ev, input) => input.select() },
    };

    /** Brings the current tab and choice into view in rows that scroll on a phone. */
    start() {
        for (const row of this.el.querySelectorAll(".o_referral_tabs, .o_referral_chips")) {
            const current = row.querySelector(".active")?.getBoundingClientRect();
            const { left, width } = row.getBoundingClientRect();
            if (current && current.right > left + width) {
                row.scrollLeft += current.left - left - (width - current.width) / 2;
            }
        }
    }

    /**
     * @param {Event} ev
     * @param {HTMLElement} button
     */
    async onCopy(ev, button) {
        const copied = await this.waitFor(copyText(button.dataset.copyText));
        this.say(button, copied ? _t("Copied") : _t("Select the text to copy it"));
        button.classList.toggle("o_referral_copied", copied);
        if (copied) {
            await this.record(button, "copy");
        }
    }

    /**
     * @param {Event} ev
     * @param {HTMLElement} button
     */
    async onShare(ev, button) {
        const { shareUrl: url, shareTitle: title } = button.dataset;
        try {
            await this.waitFor(navigator.share({ title, url }));
        } catch {
            return; // closed by the member: nothing was shared
        }
        await this.record(button, "native");
    }

    /**
     * Tells the server that the link of this button went out.
     *
     * @param {HTMLElement} button without a link id there is nothing to record
     * @param {"copy"|"native"} method
     */
    async record(button, method) {
        const id = parseInt(button.dataset.linkId);
        if (id) {
            await this.waitFor(
                rpc("/my/referral/share/record", { link_id: id, method }, { silent: true })
            );
        }
    }

    /**
     * Shows a word on the button for a moment; screen readers hear it too.
     *
     * @param {HTMLElement} button
     * @param {string} text
     */
    say(button, text) {
        const label = button.querySelector(".o_referral_copy_label");
        if (button.dataset.saying) {
            return;
        }
        const before = label.textContent;
        button.dataset.saying = "1";
        label.setAttribute("role", "status");
        label.textContent = text;
        this.waitForTimeout(() => {
            label.textContent = before;
            label.removeAttribute("role");
            delete button.dataset.saying;
            button.classList.remove("o_referral_copied");
        }, FEEDBACK_MS);
    }
}

registry
    .category("public.interactions")
    .add("referral_distribution.share", ReferralShare);
