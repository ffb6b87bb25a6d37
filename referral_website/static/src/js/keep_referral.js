const PARAMETER = "referral";
const CODE = /^[A-Za-z0-9_-]{1,64}$/;

/*
 * Carries the code of a personal link from the page's address to the next page of the
 * site and into its forms, for visitors without cookies. Nothing is stored.
 *
 * Links and forms are completed when they are used: what other scripts add counts too.
 * It comes with the first, small bundle and needs nothing of the page's scripts: where
 * the browser refuses all storage, some of those fail, the live chat's for one.
 */

/** @returns {string} the code in the page's address, empty without one */
function readCode() {
    const code = new URLSearchParams(window.location.search).get(PARAMETER) || "";
    return CODE.test(code) ? code : "";
}

/** @param {Event} ev */
function onUse(ev) {
    const code = readCode();
    if (!code || !(ev.target instanceof Element)) {
        return;
    }
    const link = ev.target.closest("#wrapwrap a[href]");
    if (link) {
        completeLink(link, code);
    }
    const form = ev.target.closest("#wrapwrap form");
    if (form) {
        completeForm(form, code);
    }
}

/**
 * @param {HTMLAnchorElement} link
 * @param {string} code
 */
function completeLink(link, code) {
    const href = link.getAttribute("href");
    if (href.startsWith("#") || link.origin !== window.location.origin) {
        return; // this page, another site, mailto: ...
    }
    const url = new URL(link.href);
    if (!url.searchParams.has(PARAMETER)) {
        url.searchParams.set(PARAMETER, code);
        link.setAttribute("href", url.pathname + url.search + url.hash);
    }
}

/**
 * @param {HTMLFormElement} form
 * @param {string} code
 */
function completeForm(form, code) {
    const action = new URL(form.getAttribute("action") || "", window.location.href);
    const known = form.querySelector(`[name="${PARAMETER}"]`);
    if (known || action.origin !== window.location.origin) {
        return;
    }
    const input = document.createElement("input");
    input.type = "hidden";
    input.name = PARAMETER;
    input.value = code;
    form.append(input);
}

for (const use of ["click", "auxclick", "submit"]) {
    document.addEventListener(use, onUse, { capture: true });
}
