/**
 * Where the page is put together: state, actions, map and interface are made here, in this order, and handed to
 * each other. Nothing is decided here.
 */
import { DeepLink } from "./actions/deep-link";
import { DetailActions } from "./actions/details";
import { LiveActions } from "./actions/live";
import { SceneActions } from "./actions/scenes";
import { fetchColorMaps } from "./api/client";
import { StaticTexts, Translator } from "./i18n";
import { bindMap, MapCamera } from "./map/bind-map";
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
function wire(store: AppStore, container: HTMLElement): UiContext & { firstScene: () => Promise<void> } {
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
  const scenes = new SceneActions(store, camera);
  const details = new DetailActions(store, camera);
  const live = new LiveActions(store, scenes, details);
  const link = new DeepLink(map, store, scenes, details);
  const toasts = new Toasts(store, t, (item) => void live.open(item));
  const context = { store, texts, t, scenes, details, live, link, toasts };
  document.body.append(frame(context, container));
  map.invalidateSize();
  labelMap(aurora, context, container);
  bindMap(
    map,
    store,
    {
      selectScene: (sceneId) => void scenes.open(sceneId, false),
      selectDetection: (detectionId) => details.select(detectionId),
    },
    t,
  );
  return { ...context, firstScene: () => selectNewest(context) };
}

/** The first view: what the address names, else the newest scene; then everything live. */
async function open({
  scenes,
  details,
  live,
  link,
  toasts,
  store,
  firstScene,
}: ReturnType<typeof wire>): Promise<void> {
  details.start();
  toasts.start();
  live.start();
  void live.loadJobs();
  void fetchColorMaps(new AbortController().signal).then(
    (colormaps) => colormaps.length > 0 && store.update({ colormaps }),
    () => undefined,
  );
  const named = await link.read();
  await scenes.load();
  if (!named) await firstScene();
  link.start();
}

/** The newest scene of the list, now or, on an empty map, as soon as there is one. */
async function selectNewest({ store, scenes }: UiContext): Promise<void> {
  const stop = store.watch(
    (s) => [s.scenes.items[0]?.id, s.selectedId],
    (newest, selected) => {
      if (!newest && !selected) return;
      queueMicrotask(() => stop());
      if (newest && !selected) void scenes.select(newest, true);
    },
  );
}

function rememberSettings(store: AppStore, storage: Storage | null): void {
  store.watch(
    (s) => [s.language, s.coordinates, s.detectionOrder, s.display],
    (language, coordinates, detectionOrder, display) =>
      saveSettings(storage, { language, coordinates, detectionOrder, display }),
  );
}

start();
