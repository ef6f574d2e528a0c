/**
 * How the map is built and tested. The server embeds `dist/`: `index.html` at `/`, everything else, hashed and
 * immutable, below `/assets/`. `AURORA_SERVER` names the server that `npm run dev` proxies to.
 */
import { defineConfig } from "vitest/config";

const server = process.env.AURORA_SERVER ?? "http://127.0.0.1:8080";
const api = ["/scenes", "/detections", "/jobs", "/events", "/colorMaps", "/health", "/readyz"];

export default defineConfig({
  base: "/",
  build: {
    target: "es2022",
    // Nothing inlined: a strict content security policy then needs no `data:`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  server: { proxy: Object.fromEntries(api.map((path) => [path, server])) },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
});
