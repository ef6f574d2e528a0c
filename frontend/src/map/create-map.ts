/**
 * The empty map: panes in their order, land, graticule, scale bar, read-out, zoom buttons. No scenes; those are
 * `bind-map.ts`'s. Called once by `main.ts`.
 */
import * as L from "leaflet";
import { LandLayer } from "./basemap";
import { Coordinates } from "./coordinates";
import { DETECTION_PANE } from "./detection-layer";
import { FOOTPRINT_PANE } from "./footprints";
import { Graticule } from "./graticule";
import { SCENE_PANE } from "./scene-view";

/** Finest zoom; beyond a scene's own zooms its tiles are enlarged. */
const MAX_ZOOM = 17;
/** Where the map looks when there is no scene: the Atlantic, with all of its coasts. */
const NOWHERE: L.LatLngTuple = [0, -25];

/** Panes from bottom to top; Leaflet's own tooltips are at 650. */
const PANES: readonly (readonly [string, number])[] = [
  ["land", 150],
  [SCENE_PANE, 250],
  ["graticule", 300],
  [FOOTPRINT_PANE, 400],
  [DETECTION_PANE, 450],
];

/** The map and the parts of it that others label or steer. */
export interface AuroraMap {
  map: L.Map;
  coordinates: Coordinates;
  zoomIn: HTMLElement;
  zoomOut: HTMLElement;
}

/** Builds the map in `container`. The land fills in when its outline has come. */
export function createMap(container: HTMLElement): AuroraMap {
  const map = L.map(container, {
    zoomControl: false,
    attributionControl: false,
    minZoom: 2,
    maxZoom: MAX_ZOOM,
    // Whole levels only: between them every pixel is resampled, and speckle turns to fog.
    zoomSnap: 1,
    wheelPxPerZoomLevel: 100,
    worldCopyJump: true,
    maxBounds: [
      [-86, -720],
      [86, 720],
    ],
    maxBoundsViscosity: 0.6,
  }).setView(NOWHERE, 3);
  for (const [name, zIndex] of PANES) makePane(map, name, zIndex);
  const land = new LandLayer({ pane: "land", keepBuffer: 2 }).addTo(map);
  land.load().catch((error: unknown) => console.warn("no land outline", error));
  new Graticule({ pane: "graticule" }).addTo(map);
  return { map, ...addControls(map) };
}

function addControls(map: L.Map): Omit<AuroraMap, "map"> {
  const zoom = L.control.zoom({ position: "bottomright", zoomInTitle: "+", zoomOutTitle: "−" }).addTo(map);
  const coordinates = new Coordinates({ position: "bottomleft" }).addTo(map);
  L.control.scale({ position: "bottomleft", imperial: false, maxWidth: 130 }).addTo(map);
  const [zoomIn, zoomOut] = zoom.getContainer()?.querySelectorAll<HTMLElement>("a") ?? [];
  if (!zoomIn || !zoomOut) throw new Error("Leaflet's zoom control has no buttons");
  return { coordinates, zoomIn, zoomOut };
}

function makePane(map: L.Map, name: string, zIndex: number): void {
  map.createPane(name).style.zIndex = String(zIndex);
}
