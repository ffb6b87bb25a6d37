import { rpc } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { Interaction } from "@web/public/interaction";

/** Says under the sign-up form's invite code whose it is, before the form is sent. */
export class ReferralInviteField extends Interaction {
    static selector = ".o_referral_invite_field";
    dynamicContent = {
        ".o_referral_invite_input": { "t-on-change.withTarget": this.onChange },
    };

    /** Checks what was typed before this script was there. */
    start() {
        const input = this.el.querySelector(".o_referral_invite_input");
        if (input.value !== input.defaultValue) {
            this.onChange(null, input);
        }
    }

    /**
     * @param {Event} ev
     * @param {HTMLInputElement} input
     */
    async onChange(ev, input) {
        const invite = input.value.trim();
        const { invite_owner: owner, invite_problem: problem } = invite
            ? await this.waitFor(
                  rpc("/referral/invite/check", { invite }, { silent: true })
              )
            : {};
        if (invite !== input.value.trim()) {
            return; // typed on meanwhile
        }
        this.find("owner").textContent = owner || "";
        this.find("problem").textContent = problem || "";
        this.find("good").classList.toggle("d-none", !owner);
        this.find("bad").classList.toggle("d-none", !problem);
        this.find("hint").classList.toggle("d-none", !!invite);
        this.find("proposed")?.classList.add("d-none");
        input.classList.toggle("is-invalid", !!problem);
    }

    find(part) {
        return this.el.querySelector(`.o_referral_invite_${part}`);
    }
}

registry
    .category("public.interactions")
    .add("referral_distribution.invite_field", ReferralInviteField);
