import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { Interaction } from "@web/public/interaction";

const FEEDBACK_MS = 2000;

/**
 * Copies to the clipboard where the browser has one (https), and through a selection
 * elsewhere: many phones reach an office server by plain http.
 *
 * @param {string} text
 * @param {HTMLElement} [near] inside an open dialog nothing outside can be selected
 * @returns {Promise<boolean>} whether it was copied
 */
export async function copyText(text, near = document.body) {
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
    near.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
}

/**
 * Shows a word on a button for a moment; screen readers hear it too.
 *
 * @param {Interaction} interaction
 * @param {HTMLElement} button
 * @param {string} text
 */
export function sayOn(interaction, button, text) {
    const label = button.querySelector(".o_referral_copy_label");
    if (button.dataset.saying) {
        return;
    }
    const before = label.textContent;
    button.dataset.saying = "1";
    label.setAttribute("role", "status");
    label.textContent = text;
    interaction.waitForTimeout(() => {
        label.textContent = before;
        label.removeAttribute("role");
        delete button.dataset.saying;
        button.classList.remove("o_referral_copied");
    }, FEEDBACK_MS);
}

/** Copy and share buttons and rows that scroll on the members' pages. */
export class ReferralPages extends Interaction {
    static selector = ".o_referral_portal";
    dynamicContent = {
        ".o_referral_copy:not([data-method])": { "t-on-click.withTarget": this.onCopy },
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
        sayOn(this, button, copied ? _t("Copied") : _t("Select the text to copy it"));
        button.classList.toggle("o_referral_copied", copied);
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
            // closed by the member: nothing was shared
        }
    }
}

registry
    .category("public.interactions")
    .add("referral_distribution.pages", ReferralPages);
