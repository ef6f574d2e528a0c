/**
 * Where the page is put together: state, actions, map and interface are made here, in this order, and handed to
 * each other. Nothing is decided here.
 */
import { DeepLink } from "./actions/deep-link";
import { SceneDetails } from "./actions/details";
import { DetectionActions } from "./actions/detections";
import { LiveActions } from "./actions/live";
import { SceneActions } from "./actions/scenes";
import { SideActions } from "./actions/sides";
import { SourceWatch } from "./actions/source";
import { fetchColorMaps } from "./api/client";
import { StaticTexts, Translator } from "./i18n";
import { bindMap } from "./map/bind-map";
import { MapCamera } from "./map/camera";
import { createMap } from "./map/create-map";
import { type AppStore, createAppStore } from "./state/app-state";
import { browserStorage, loadSettings, saveSettings } from "./state/settings";
import type { UiContext } from "./ui/context";
import { el } from "./ui/dom";
import { frame } from "./ui/frame";
import { labelMap } from "./ui/label-map";
import { Toasts } from "./ui/toasts";

function start(): void {
  const storage = browserStorage();
  const store = createAppStore(loadSettings(storage, navigator.language));
  const container = el("div", { id: "map", "data-testid": "map", tabindex: 0 });
  const context = wire(store, container);
  rememberSettings(store, storage);
  void open(context);
}

/** Makes every part and connects it; the order matters, as each needs those before. */
function wire(store: AppStore, container: HTMLElement): UiContext {
  let translator = new Translator(store.get().language);
  const texts = new StaticTexts(translator);
  store.watch(
    (s) => [s.language],
    (language) => {
      translator = new Translator(language);
      document.documentElement.lang = language;
      texts.use(translator);
    },
  );
  const t = () => translator;
  const aurora = createMap(container);
  const { map } = aurora;
  const camera = new MapCamera(map, store);
  const scenes = new SceneActions(store);
  const sides = new SideActions(store, scenes, camera);
  const details = new SceneDetails(store);
  const detections = new DetectionActions(store, camera);
  const live = new LiveActions(store, scenes, sides, details);
  const link = new DeepLink(map, store, sides, detections);
  const toasts = new Toasts(store, t, (item) => void live.open(item));
  const context = { store, texts, t, scenes, sides, detections, live, link, toasts };
  document.body.append(frame(context, container));
  map.invalidateSize();
  labelMap(aurora, context, container);
  bindMap(
    map,
    store,
    {
      selectScene: (sceneId) => void sides.open(sceneId, false),
      compareScene: (sceneId) => void sides.compare(sceneId),
      selectDetection: (detectionId) => detections.select(detectionId),
    },
    t,
  );
  details.start();
  return context;
}

/** The first view: what the address names, else the newest scene; then everything live. */
async function open(context: UiContext): Promise<void> {
  const { scenes, sides, live, link, toasts, store } = context;
  toasts.start();
  live.start();
  new SourceWatch(store, sides).start();
  void live.loadJobs();
  void fetchColorMaps(new AbortController().signal).then(
    (colormaps) => colormaps.length > 0 && store.update({ colormaps }),
    () => undefined,
  );
  const named = await link.read();
  await scenes.load();
  if (!named) selectNewest(context);
  link.start();
}

/** The newest scene of the list, now or, on an empty map, as soon as there is one. */
function selectNewest({ store, sides }: UiContext): void {
  const stop = store.watch(
    (s) => [s.scenes.items.find(({ properties }) => properties.status !== "waiting")?.id, s.first.sceneId],
    (newest, shown) => {
      if (!newest && !shown) return;
      queueMicrotask(() => stop());
      if (newest && !shown) void sides.select(newest, true);
    },
  );
}

function rememberSettings(store: AppStore, storage: Storage | null): void {
  store.watch(
    (s) => [s.language, s.coordinates, s.detectionOrder, s.first.display],
    (language, coordinates, detectionOrder, display) =>
      saveSettings(storage, { language, coordinates, detectionOrder, display }),
  );
}

start();
