// An analyst at the map: waits for a scene's pixels, then for the news of another scene of the same place, clicks a
// detection, and compares the two scenes.
//
// Usage: watch-map.mjs URL SCREENSHOT_FOLDER SCENE_ID. It prints `watching` once the map shows SCENE_ID; whoever
// started it lets the other scene land then. Exit status 0 when everything was seen; the reason on stderr when not.
import { chromium } from 'playwright-core';

const [url, folder, sceneId] = process.argv.slice(2);
const PATIENCE_MS = 120_000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-background-networking'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const troubles = [];
  page.on('pageerror', (error) => troubles.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') troubles.push(`console: ${message.text()}`);
  });
  const drawn = (side) =>
    page.waitForFunction(drawnGreyLevels, [side, 16], { timeout: PATIENCE_MS, polling: 250 });
  await page.goto(url, { waitUntil: 'domcontentloaded' });

  await page.locator(`[data-testid=scene-item][data-scene-id="${sceneId}"]`).click({ timeout: PATIENCE_MS });
  await drawn('first');
  await page.locator('[data-testid=detection-item]').first().waitFor({ timeout: PATIENCE_MS });
  await page.screenshot({ path: `${folder}/map.png` });
  console.log('watching');

  await page.locator('[data-testid=toast]').first().waitFor({ timeout: PATIENCE_MS });
  await page.screenshot({ path: `${folder}/toast.png` });
  const badge = await page.locator('[data-testid=badge]').first().innerText({ timeout: PATIENCE_MS });
  if (!/[1-9]/.test(badge)) throw new Error(`the badge shows no news: "${badge}"`);

  await pressesTheBell(page);
  await page.screenshot({ path: `${folder}/news.png` });
  await page.keyboard.press('Escape');
  await page.setViewportSize({ width: 1440, height: 900 });
  await filtersByKeyboard(page);

  const before = page.url();
  await page.locator('[data-testid=detection-item]').first().click();
  await page.waitForFunction((before) => location.href !== before, before, { timeout: PATIENCE_MS });
  await page.waitForTimeout(1500);
  await drawn('first');
  await page.screenshot({ path: `${folder}/detection.png` });

  await page.locator(`[data-testid=scene-item]:not([data-scene-id="${sceneId}"])`).click({ modifiers: ['Shift'] });
  await page.keyboard.press('f');
  await drawn('first');
  await drawn('second');
  const clips = await page.$$eval('.scene-pane', (panes) => panes.map((pane) => pane.style.clipPath));
  if (!clips.every((clip) => clip.startsWith('polygon'))) throw new Error(`nothing is divided: ${clips}`);
  await page.locator('[data-testid=divider]').focus();
  await page.keyboard.press('Shift+ArrowLeft');
  await page.waitForFunction(() => /compare=.+&split=0\.4/.test(location.hash), null, { timeout: PATIENCE_MS });
  await page.screenshot({ path: `${folder}/compare.png` });

  // A link shows the same to somebody else.
  await page.reload({ waitUntil: 'domcontentloaded' });
  await drawn('first');
  await drawn('second');
  await drawsNothingBeside(page, sceneId);
  if (troubles.length > 0) throw new Error(troubles.join('\n'));
} finally {
  await browser.close();
}

// On a small screen the news lies over the map, and a click on it reaches it.
async function pressesTheBell(page) {
  await page.setViewportSize({ width: 400, height: 800 });
  await page.locator('.news > button').click();
  for (const row of await page.locator('.news-row').all()) await row.click({ trial: true, timeout: 10_000 });
}

// No key is lost on the way into the filter, and Escape gives the whole list back.
async function filtersByKeyboard(page) {
  const rows = page.locator('[data-testid=scene-item]');
  const all = await rows.count();
  await page.keyboard.press('/');
  await page.keyboard.type('x no such scene');
  const typed = await page.locator('#scene-search').inputValue();
  if (typed !== 'x no such scene') throw new Error(`the filter got "${typed}"`);
  await rows.first().waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
  await rows.nth(all - 1).waitFor();
  const left = await page.locator('#scene-search').inputValue();
  if (left !== '') throw new Error(`Escape left "${left}" in the filter`);
  await page.keyboard.press('Escape');
}

// The page of one raster asks for no tile outside of it: each would be a 404, which the console tells.
async function drawsNothingBeside(page, sceneId) {
  for (const path of ['viewer', 'WorldCRS84Quad/map.html']) {
    await page.goto(new URL(`/scenes/${sceneId}/${path}`, url).href);
    await page.locator('img.leaflet-tile-loaded').first().waitFor({ timeout: PATIENCE_MS });
    await page.waitForLoadState('networkidle');
  }
}

// Runs in the page: whether the loaded tiles of a side hold at least `wanted` distinct grey levels in all.
function drawnGreyLevels([side, wanted]) {
  const levels = new Set();
  for (const tile of document.querySelectorAll(`.scene-pane[data-side=${side}] img.leaflet-tile`)) {
    if (!tile.complete || tile.naturalWidth === 0) continue;
    const canvas = document.createElement('canvas');
    canvas.width = tile.naturalWidth;
    canvas.height = tile.naturalHeight;
    const context = canvas.getContext('2d');
    context.drawImage(tile, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3] > 0) levels.add(pixels[i]);
  }
  return levels.size >= wanted;
}
