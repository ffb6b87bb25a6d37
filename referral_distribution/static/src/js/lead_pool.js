import { Component, onWillStart, onWillUpdateProps } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { ListRenderer } from "@web/views/list/list_renderer";
import { listView } from "@web/views/list/list_view";

/** How many leads wait, above their list; each number is a filter. */
export class LeadPoolCounts extends Component {
    static template = "referral_distribution.LeadPoolCounts";
    static props = { list: Object };

    setup() {
        this.orm = useService("orm");
        onWillStart(() => this.load());
        onWillUpdateProps(() => this.load());
    }

    async load() {
        this.counts = await this.orm.silent.call("crm.lead", "referral_review_counts", []);
    }

    /** Show what a number counts: leads to review, and those of them it names. */
    show(filter) {
        const names = ["to_review", filter];
        const { searchModel } = this.env;
        const items = searchModel.getSearchItems((item) => names.includes(item.name));
        searchModel.query = [];
        for (const item of items) {
            searchModel.toggleSearchItem(item.id);
        }
    }
}

export class LeadPoolRenderer extends ListRenderer {
    static template = "referral_distribution.LeadPoolRenderer";
    static components = { ...ListRenderer.components, LeadPoolCounts };
}

registry.category("views").add("referral_lead_pool", {
    ...listView,
    Renderer: LeadPoolRenderer,
});
