import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { openDocsPages } from './docs-pages.mjs';
import { visit } from './visit.mjs';

const document = JSON.parse(readFileSync(new URL('../openapi.json', import.meta.url), 'utf8'));
const operations = Object.entries(document.paths)
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  )
  .sort(byId);
const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

let origin;
let browser;
let close;

before(async () => {
  ({ origin, browser, close } = await openDocsPages());
});

after(() => close?.());

async function open(t, path, size = {}) {
  const visited = await visit(browser, { origin, ...size });
  t.after(() => visited.page.context().close());
  const response = await visited.page.goto(`${origin}${path}`);
  assert.equal(response.status(), 200);
  return { ...visited, headers: response.headers() };
}

function byId(a, b) {
  return a.operationId < b.operationId ? -1 : 1;
}

/** Each operation as /docs shows it, after all have been opened. Runs in the page. */
function readSwaggerUi() {
  const shown = (element, selector) => {
    const found = element.querySelector(selector);
    return found?.checkVisibility() ? found.textContent.replaceAll('\u200b', '').trim() : undefined;
  };
  return [...window.document.querySelectorAll('.opblock')].map((block) => ({
    operationId: block.id.split('-').at(-1),
    shownId: shown(block, '.opblock-summary-operation-id'),
    method: shown(block, '.opblock-summary-method')?.toLowerCase(),
    path: shown(block, '.opblock-summary-path'),
    summary: shown(block, '.opblock-summary-description'),
    description: shown(block, '.opblock-description'),
    statuses: [...block.querySelectorAll('tr.response[data-code]')]
      .filter((row) => row.checkVisibility())
      .map((row) => row.dataset.code),
  }));
}

/** Each operation as /redoc shows it. Runs in the page. */
function readRedoc() {
  const shown = (element) => (element?.checkVisibility() ? element.textContent.trim() : undefined);
  return [...window.document.querySelectorAll('[data-section-id^="operation/"]')].map((section) => {
    const verb = section.querySelector('.http-verb');
    return {
      operationId: section.dataset.sectionId.split('/').at(-1),
      method: shown(verb),
      path: shown(verb?.nextElementSibling),
      summary: shown(section.querySelector('h2')),
      description: shown(section.querySelector('h2 + div p')),
      statuses: [...section.querySelectorAll('button > strong')].map(shown),
    };
  });
}

/** An operation of openapi.json, as a page should show it. */
function expected({ operationId, method, path, summary, description, responses }) {
  return {
    operationId,
    method,
    path,
    summary,
    description: asText(description),
    statuses: Object.keys(responses),
  };
}

/** What a description in Markdown reads like, spaces aside. */
function asText(markdown) {
  return markdown.replaceAll('`', '').replaceAll(/\s+/g, '');
}

function compare(shown) {
  const withText = shown.map((each) => ({
    ...each,
    description: each.description && asText(each.description),
  }));
  assert.deepEqual(withText.sort(byId), operations.map(expected));
}

async function iconOf(page) {
  return await page.evaluate(async () => {
    const { href } = window.document.querySelector('link[rel=icon]');
    const response = await fetch(href);
    return `${response.status} ${response.headers.get('content-type')}`;
  });
}

/** A phone shows what is too wide for it smaller, so that its own idea of a width says nothing. */
async function assertNoSidewaysScroll(page) {
  const { width } = page.viewportSize();
  assert.equal(await page.evaluate(() => window.document.documentElement.scrollWidth), width);
}

for (const [name, size] of Object.entries(sizes)) {
  test(`/docs shows every operation, on a ${name}`, async (t) => {
    const { page, complaints, requests, headers } = await open(t, '/docs', size);
    assert.doesNotMatch(headers['content-security-policy'], /upgrade-insecure-requests|https?:/);
    await page
      .locator('.opblock')
      .nth(operations.length - 1)
      .waitFor();
    await page.locator('.opblock-summary-control').evaluateAll((all) => {
      for (const each of all) each.click();
    });
    await page
      .locator('.opblock .responses-table')
      .nth(operations.length - 1)
      .waitFor();

    const shown = await page.evaluate(readSwaggerUi);
    if (name === 'desktop') for (const { operationId, shownId } of shown) assert.equal(shownId, operationId);
    compare(shown.map(({ shownId, ...each }) => each));
    assert.equal(await page.title(), 'Gatehouse');
    assert.equal(await page.locator('.topbar, .errors-wrapper, img').count(), 0, 'nothing foreign, no error');
    await assertNoSidewaysScroll(page);
    assert.match(await iconOf(page), /^200 image\//);
    assert.ok(requests.length >= 6);
    assert.deepEqual(complaints, []);
  });

  test(`/redoc shows every operation, on a ${name}`, async (t) => {
    const { page, complaints, requests, headers } = await open(t, '/redoc', size);
    assert.doesNotMatch(headers['content-security-policy'], /upgrade-insecure-requests|https?:/);
    await page
      .locator('[data-section-id^="operation/"]')
      .nth(operations.length - 1)
      .waitFor();

    compare(await page.evaluate(readRedoc));
    const menu = await page
      .locator('[data-item-id*="/operation/"]')
      .evaluateAll((items) => items.map((item) => item.dataset.itemId.split('/').at(-1)));
    assert.deepEqual(
      menu.sort(),
      operations.map(({ operationId }) => operationId),
    );
    assert.equal(await page.title(), 'Gatehouse');
    await assertNoSidewaysScroll(page);
    assert.match(await iconOf(page), /^200 image\//);
    assert.ok(requests.length >= 4);
    assert.deepEqual(complaints, []);
  });
}

test('/redoc finds an operation by a word, and leads to it', async (t) => {
  const { page, complaints } = await open(t, '/redoc', sizes.desktop);
  await page.getByPlaceholder('Search...').pressSequentially('introspect', { delay: 20 });
  await page.locator('[data-role="search:results"] li').filter({ hasText: 'active' }).click();
  await page.waitForURL(/#tag\/oauth\/operation\/introspectToken$/);
  assert.deepEqual(complaints, []);
});
