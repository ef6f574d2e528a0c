/** Names for the map's own controls in the interface's language, and the notation that its read-out uses. */
import type { AuroraMap } from "../map/create-map";
import type { UiContext } from "./context";

/** Labels the controls; a click on the read-out changes the notation. */
export function labelMap(aurora: AuroraMap, { store, texts }: UiContext, container: HTMLElement): void {
  texts.attribute(container, "aria-label", "map.label");
  texts.name(aurora.zoomIn, "map.zoomIn");
  texts.name(aurora.zoomOut, "map.zoomOut");
  texts.name(aurora.coordinates.button, "map.coordinates");
  aurora.coordinates.button.addEventListener("click", () => {
    store.update(({ coordinates }) => ({ coordinates: coordinates === "minutes" ? "decimal" : "minutes" }));
  });
  store.watch(
    (s) => [s.coordinates],
    (style) => aurora.coordinates.setStyle(style),
  );
}
