/**
 * How the pages are built and tested. The server embeds `dist/`: `index.html` (the map) at `/`, `viewer.html` and
 * `docs.html` under their own addresses, everything else, hashed and immutable, below `/assets/`. `AURORA_SERVER` names
 * the server that `npm run dev` proxies to.
 */
import { defineConfig } from "vitest/config";

const server = process.env.AURORA_SERVER ?? "http://127.0.0.1:8080";
const api = [
  "/cog",
  "/scenes",
  "/detections",
  "/jobs",
  "/events",
  "/colorMaps",
  "/tileMatrixSets",
  "/openapi.json",
  "/health",
  "/readyz",
];

export default defineConfig({
  base: "/",
  build: {
    target: "es2022",
    // Nothing inlined: a strict content security policy then needs no `data:`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Swagger UI is a megabyte and a half; only `/docs` loads it.
    chunkSizeWarningLimit: 1_800,
    rolldownOptions: { input: ["index.html", "viewer.html", "docs.html"] },
  },
  server: { proxy: Object.fromEntries(api.map((path) => [path, server])) },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
});
