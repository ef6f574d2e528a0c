/**
 * The read-out in the map's corner: zoom level and the position under the cursor, or the centre where there is no
 * cursor. A button, as a click changes the notation. Made by `create-map.ts`.
 */
import * as L from "leaflet";
import { formatPosition } from "../format";
import type { CoordinateStyle } from "../state/settings";
import { el } from "../ui/dom";

/** The control. */
export class Coordinates extends L.Control {
  private readonly zoom = el("span", { class: "readout-zoom" });
  private readonly position = el("span");
  /** The element, for whoever labels it and listens to its clicks. */
  readonly button = el("button", { class: "readout", type: "button" }, this.zoom, this.position);
  private style: CoordinateStyle = "minutes";
  private at: L.LatLng | null = null;

  override onAdd(map: L.Map): HTMLElement {
    L.DomEvent.disableClickPropagation(this.button);
    map.on("mousemove", ({ latlng }: L.LeafletMouseEvent) => this.show(map, latlng));
    map.on("mouseout move zoomend", () => this.show(map, null));
    this.show(map, null);
    return this.button;
  }

  /** Changes the notation. */
  setStyle(style: CoordinateStyle): void {
    this.style = style;
    this.write();
  }

  private show(map: L.Map, at: L.LatLng | null): void {
    this.at = at ?? map.getCenter();
    this.zoom.textContent = `z${map.getZoom().toFixed(map.getZoom() % 1 ? 1 : 0)}`;
    this.write();
  }

  private write(): void {
    if (this.at) this.position.textContent = formatPosition(this.at.lat, this.at.lng, this.style);
  }
}
