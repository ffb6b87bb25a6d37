import { expirableStorage } from "@im_livechat/core/common/expirable_storage";
import { HistoryService } from "@im_livechat/embed/common/history_service";
import { patch } from "@web/core/utils/patch";

const PARAMETER = "referral";
const DAY = 60 * 60 * 24; // seconds, as the live chat keeps its history

/** Returns a page's address without the code of a personal link. */
function withoutCode(page) {
    const url = new URL(page, window.location.origin);
    url.searchParams.delete(PARAMETER);
    return url.pathname + url.search + url.hash;
}

/**
 * The live chat keeps in the browser which pages a visitor saw, and asks nobody. The
 * code of a personal link is not kept there: where cookies are refused, nothing is.
 */
patch(HistoryService.prototype, {
    updateHistory() {
        super.updateHistory(...arguments);
        const key = HistoryService.HISTORY_STORAGE_KEY;
        const kept = expirableStorage.getItem(key);
        if (kept?.includes(`${PARAMETER}=`)) {
            const pages = new Set(JSON.parse(kept).map(withoutCode));
            expirableStorage.setItem(key, JSON.stringify([...pages]), DAY);
        }
    },
});
