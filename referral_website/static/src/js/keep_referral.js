import { registry } from "@web/core/registry";
import { Interaction } from "@web/public/interaction";

const PARAMETER = "referral";
const CODE = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * Carries the code of a personal link from the page's address to the next page of the
 * site and into its forms, for visitors without cookies. Nothing is stored.
 *
 * Links and forms are completed when they are used: what other scripts add counts too.
 */
export class KeepReferral extends Interaction {
    static selector = "#wrapwrap";
    dynamicContent = {
        _document: {
            "t-on-click.capture.noUpdate": this.onUse,
            "t-on-auxclick.capture.noUpdate": this.onUse,
            "t-on-submit.capture.noUpdate": this.onUse,
        },
    };

    setup() {
        const code = new URLSearchParams(window.location.search).get(PARAMETER) || "";
        this.code = CODE.test(code) ? code : "";
    }

    /** @param {Event} ev */
    onUse(ev) {
        if (!this.code || !(ev.target instanceof Element)) {
            return;
        }
        const link = ev.target.closest("a[href]");
        if (link) {
            this.completeLink(link);
        }
        const form = ev.target.closest("form");
        if (form) {
            this.completeForm(form);
        }
    }

    /** @param {HTMLAnchorElement} link */
    completeLink(link) {
        const href = link.getAttribute("href");
        if (href.startsWith("#") || link.origin !== window.location.origin) {
            return; // this page, another site, mailto: ...
        }
        const url = new URL(link.href);
        if (!url.searchParams.has(PARAMETER)) {
            url.searchParams.set(PARAMETER, this.code);
            link.setAttribute("href", url.pathname + url.search + url.hash);
        }
    }

    /** @param {HTMLFormElement} form */
    completeForm(form) {
        const action = new URL(form.getAttribute("action") || "", window.location.href);
        const known = form.querySelector(`[name="${PARAMETER}"]`);
        if (known || action.origin !== window.location.origin) {
            return;
        }
        const input = document.createElement("input");
        input.type = "hidden";
        input.name = PARAMETER;
        input.value = this.code;
        form.append(input);
    }
}

registry
    .category("public.interactions")
    .add("referral_website.keep_referral", KeepReferral);
