// Something has been changed and not saved: leaving asks first.
import { confirm } from "./components/dialog.js";
import { useEffect } from "./html.js";
import { t } from "./i18n/index.js";
import { setGuard } from "./router.js";

export function useUnsaved(dirty) {
  useEffect(() => {
    if (!dirty) return undefined;
    setGuard(() => confirm({ title: t("unsaved.ask"), text: t("unsaved.text"), action: t("unsaved.leave"), cancel: t("unsaved.stay"), danger: true }));
    return () => setGuard(null);
  }, [dirty]);
}

/** After a refusal: the first field that is wrong, opened where it is folded away, gets the focus. */
export function focusFirstError() {
  requestAnimationFrame(() => {
    const wrong = document.querySelector('main [aria-invalid="true"], main .notice.bad[role="alert"]');
    const folded = wrong?.closest("details");
    if (folded) folded.open = true;
    if (wrong && !wrong.matches("input, select, textarea")) wrong.setAttribute("tabindex", "-1");
    wrong?.focus();
    wrong?.scrollIntoView({ block: "center" });
  });
}
