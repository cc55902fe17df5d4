import { startService } from '../scripts/live-service.mjs';
import { launch } from './chromium.mjs';

/**
 * The service with its docs pages, and a browser to read them with.
 *
 * @returns {Promise<{ origin: string, directOrigin: string, browser: import('playwright-core').Browser, close: () => Promise<void> }>}
 *   `origin` is for the browser, and no localhost: browsers trust that one, and would hide what is wrong on plain HTTP.
 *   `directOrigin` is the same service for programs
 */
export async function openDocsPages() {
  const service = await startService({ env: { DOCS: 'true' } });
  try {
    const browser = await launch({ hosts: ['gatehouse.test'] });
    return {
      origin: service.origin.replace('127.0.0.1', 'gatehouse.test'),
      directOrigin: service.origin,
      browser,
      async close() {
        await browser.close();
        await service.stop();
      },
    };
  } catch (error) {
    await service.stop();
    throw error;
  }
}
