// Takes the pictures in docs/images anew: npm --prefix browser run screenshots
import { mkdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openDocsPages } from './docs-pages.mjs';
import { authorize, execute, openOperation } from './try-it-out.mjs';
import { visit } from './visit.mjs';

const folder = fileURLToPath(new URL('../docs/images/', import.meta.url));
mkdirSync(folder, { recursive: true });

const { origin, browser, close } = await openDocsPages();

async function picture(name, target, options = {}) {
  const path = `${folder}${name}.png`;
  await target.screenshot({ path, animations: 'disabled', ...options });
  console.log(`${path}: ${Math.round(statSync(path).size / 1024)} KB`);
}

async function swaggerUi() {
  const { page } = await visit(browser, { origin });
  await page.goto(`${origin}/docs`);
  await page.locator('.opblock').last().waitFor();
  await picture('docs', page);
}

async function redoc() {
  const { page } = await visit(browser, { origin });
  await page.goto(`${origin}/redoc#tag/accounts/operation/registerUser`);
  await page.locator('[data-section-id="operation/registerUser"]').waitFor();
  // It scrolls there once it has measured itself
  await page.waitForTimeout(2000);
  await picture('redoc', page);
}

async function tryItOut() {
  const { page } = await visit(browser, { origin, height: 1400 });
  await page.goto(`${origin}/docs`);
  await execute(await openOperation(page, 'registerUser'));
  const { body } = await execute(await openOperation(page, 'login'));
  await authorize(page, body.access_token);
  const operation = await openOperation(page, 'getMe');
  await execute(operation);
  await page.mouse.move(0, 0);
  const top = await operation.boundingBox();
  const user = await operation.locator('.live-responses-table pre').first().boundingBox();
  await picture('try-it-out', page, {
    fullPage: true,
    clip: {
      x: top.x - 12,
      y: top.y - 12 + (await page.evaluate(() => window.scrollY)),
      width: top.width + 24,
      height: user.y + user.height - top.y + 24,
    },
  });
}

try {
  await swaggerUi();
  await redoc();
  await tryItOut();
} finally {
  await close();
}
