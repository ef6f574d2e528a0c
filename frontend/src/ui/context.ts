/** What every part of the interface is given: the state, the texts, and what can be done. No logic. */
import type { DeepLink } from "../actions/deep-link";
import type { DetectionActions } from "../actions/detections";
import type { LiveActions } from "../actions/live";
import type { SceneActions } from "../actions/scenes";
import type { SideActions } from "../actions/sides";
import type { StaticTexts, Translator } from "../i18n";
import type { AppStore } from "../state/app-state";
import type { Toasts } from "./toasts";

/** Made once by `main.ts`. */
export interface UiContext {
  store: AppStore;
  texts: StaticTexts;
  /** The translator of the language now. */
  t: () => Translator;
  /** The list of scenes. */
  scenes: SceneActions;
  /** Which of them are looked at. */
  sides: SideActions;
  detections: DetectionActions;
  live: LiveActions;
  link: DeepLink;
  toasts: Toasts;
}
