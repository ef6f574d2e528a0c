/**
 * What one live message does: the new lists, and what has to be fetched because of it. Pure, so that every order
 * of messages can be tried. `actions/live.ts` runs it on the store and carries out the follow-ups.
 */
import type { Job, LiveMessage } from "../api/types";
import { mergeJobs } from "./jobs";
import { addNews, type NewsItem, nameNews } from "./news";
import { findScene, patchScene, type SceneList, withoutScene } from "./scenes";

/** The part of the state that messages change. */
export interface LiveState {
  scenes: SceneList;
  jobs: readonly Job[];
  news: readonly NewsItem[];
}

/** What must be asked of the server after a message. */
export type FollowUp =
  | { kind: "scene"; sceneId: string }
  | { kind: "detections"; sceneId: string }
  | { kind: "withdrawn"; sceneId: string }
  | { kind: "everything" };

/** The state after a message, and its follow-ups in order. */
export interface LiveStep {
  state: LiveState;
  followUps: FollowUp[];
}

/** Applies one message. `nowMs` dates the news. */
export function applyLive(state: LiveState, message: LiveMessage, nowMs: number): LiveStep {
  switch (message.type) {
    case "scene":
      return message.scene.change === "withdrawn"
        ? withdraw(state, message.scene, nowMs)
        : refresh(state, message.scene, nowMs);
    case "detection":
      return detect(state, message, nowMs);
    case "job":
      return { state: { ...state, jobs: mergeJobs(state.jobs, [message.job]) }, followUps: [] };
    case "reset":
      return { state, followUps: [{ kind: "everything" }] };
  }
}

type SceneMessage = Extract<LiveMessage, { type: "scene" }>["scene"];
type DetectionMessage = Extract<LiveMessage, { type: "detection" }>;

/**
 * The event has no footprint, so the scene is fetched; it is news when it can be looked at for the first time. Its
 * detections may have been told of before it.
 */
function refresh(state: LiveState, scene: SceneMessage, nowMs: number): LiveStep {
  const known = findScene(state.scenes.items, scene.scene_id);
  const isFirst =
    scene.change === "arrived" ||
    (known ? known.properties.status === "waiting" : scene.change === "published");
  const isNews = isFirst && scene.status !== "waiting";
  const item = sceneNews("scene", scene, nowMs);
  const named = nameNews(state.news, item);
  const news = isNews ? addNews(named, item) : named;
  return { state: { ...state, news }, followUps: [{ kind: "scene", sceneId: scene.scene_id }] };
}

function withdraw(state: LiveState, scene: SceneMessage, nowMs: number): LiveStep {
  const items = withoutScene(state.scenes.items, scene.scene_id);
  const wasListed = items.length < state.scenes.items.length;
  const others = state.news.filter((item) => item.sceneId !== scene.scene_id);
  return {
    state: {
      ...state,
      scenes: { ...state.scenes, items },
      news: wasListed ? addNews(others, { ...sceneNews("withdrawn", scene, nowMs) }) : others,
    },
    followUps: [{ kind: "withdrawn", sceneId: scene.scene_id }],
  };
}

function detect(state: LiveState, message: DetectionMessage, nowMs: number): LiveStep {
  const { sceneId, revision, count } = message;
  const told = describeScene(state, sceneId);
  const items = patchScene(state.scenes.items, sceneId, { detections: count });
  const item: NewsItem = {
    key: `detections:${sceneId}:${revision}`,
    kind: "detections",
    sceneId,
    ...told,
    count,
    atMs: nowMs,
    seen: false,
  };
  const news = count > 0 ? addNews(state.news, item) : state.news;
  return {
    state: { ...state, scenes: { ...state.scenes, items }, news },
    followUps: [{ kind: "detections", sceneId }],
  };
}

/** A scene's satellite and time from the list or, while it is still being fetched, from the news of its arrival. */
function describeScene(state: LiveState, sceneId: string): Pick<NewsItem, "satellite" | "observedAt"> {
  const scene = findScene(state.scenes.items, sceneId)?.properties;
  if (scene) return { satellite: scene.satellite, observedAt: scene.observed_at };
  const { satellite = null, observedAt = null } = state.news.find((item) => item.sceneId === sceneId) ?? {};
  return { satellite, observedAt };
}

function sceneNews(kind: "scene" | "withdrawn", scene: SceneMessage, nowMs: number): NewsItem {
  return {
    key: `${kind}:${scene.scene_id}`,
    kind,
    sceneId: scene.scene_id,
    satellite: scene.satellite ?? null,
    observedAt: scene.observed_at ?? null,
    count: 0,
    atMs: nowMs,
    seen: false,
  };
}
