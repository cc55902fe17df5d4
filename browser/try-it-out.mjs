/**
 * Opens an operation of /docs, as a reader does, unless it is open already.
 *
 * @param {import('playwright-core').Page} page
 * @returns {Promise<import('playwright-core').Locator>} its block
 */
export async function openOperation(page, operationId) {
  const block = page.locator(`.opblock[id$="-${operationId}"]`);
  const control = block.locator('.opblock-summary-control');
  if ((await control.getAttribute('aria-expanded')) !== 'true') await control.click();
  await block.locator('.execute').waitFor();
  return block;
}

/**
 * Sends the request of an open operation, and reads the answer that the page then shows.
 *
 * @param {import('playwright-core').Locator} block
 * @param {{ fill?: string }} options a body in place of the example
 * @returns {Promise<{ status: string, body: any, curl: string }>} such as "201", as the page shows them
 */
export async function execute(block, { fill } = {}) {
  if (fill !== undefined) await block.locator('textarea.body-param__text').fill(fill);
  const answer = block.page().waitForResponse((response) => response.request().resourceType() === 'fetch');
  await block.locator('.execute').click();
  await (await answer).finished();
  // The page shows the last answer until it has the next one
  await block.locator('.loading-container').waitFor({ state: 'detached' });
  const live = block.locator('.live-responses-table');
  await live.waitFor();
  const status = await live.locator('tbody .response-col_status').first().textContent();
  return {
    // The reason phrase follows
    status: status.trim().slice(0, 3),
    body: JSON.parse(await live.locator('tbody .response-col_description pre').first().textContent()),
    curl: await block.locator('.curl-command pre').textContent(),
  };
}

/** Enters an access token in the dialog behind "Authorize". */
export async function authorize(page, token) {
  await page.locator('.auth-wrapper .authorize').first().click();
  const dialog = page.locator('.dialog-ux');
  const scheme = dialog.locator('.auth-container').filter({ hasText: 'accessToken' });
  await scheme.locator('input').fill(token);
  await scheme.getByRole('button', { name: 'Apply credentials' }).click();
  await scheme.getByRole('button', { name: 'Remove authorization' }).waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await dialog.waitFor({ state: 'detached' });
}
