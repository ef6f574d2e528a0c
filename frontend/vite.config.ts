/**
 * How the pages are built and tested. The server embeds `dist/`: `index.html` (the map) at `/`, `viewer.html` and
 * `docs.html` under their own addresses, everything else, hashed and immutable, below `/assets/`. `AURORA_SERVER` names
 * the server that `npm run dev` proxies to.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import type { Plugin } from "vite";
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

/** Files below so many bytes go out as they are. */
const LEAST_BYTES = 1024;

/**
 * Leaves every text of the build beside itself in Brotli and gzip, for the server to hand out: to compress the files of one
 * visitor took it as long as a hundred tiles.
 */
const compressed: Plugin = {
  name: "compressed",
  apply: "build",
  writeBundle({ dir = "dist" }, bundle) {
    for (const name of Object.keys(bundle).filter((name) => /\.(js|css|json|svg|html)$/.test(name))) {
      const path = join(dir, name);
      const bytes = readFileSync(path);
      if (bytes.length < LEAST_BYTES) continue;
      writeFileSync(`${path}.br`, brotliCompressSync(bytes));
      writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
    }
  },
};

export default defineConfig({
  base: "/",
  plugins: [compressed],
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
