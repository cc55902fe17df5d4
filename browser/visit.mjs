/**
 * A page of its own in a fresh context, which remembers all that a reader would not see but should not have happened.
 *
 * @param {import('playwright-core').Browser} browser
 * @param {{ origin: string, width?: number, height?: number }} options in CSS pixels; below 600 it is a phone
 * @returns {Promise<{ page: import('playwright-core').Page, complaints: string[], requests: string[] }>} `complaints`
 *   are what the console and the content security policy say, errors that nothing caught, and requests that left the
 *   origin, failed or were refused; `requests` are the URLs of all
 */
export async function visit(browser, { origin, width = 1280, height = 800 }) {
  const isPhone = width < 600;
  const context = await browser.newContext({
    viewport: { width, height },
    isMobile: isPhone,
    hasTouch: isPhone,
    colorScheme: 'light',
  });
  const page = await context.newPage();
  const complaints = [];
  const requests = [];

  await page.exposeFunction('onViolation', (violation) => complaints.push(`policy: ${violation}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      window.onViolation(`${violatedDirective} ${blockedURI}`),
    );
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`error: ${error}`));
  page.on('request', (request) => {
    requests.push(request.url());
    if (!isWithin(origin, request.url())) complaints.push(`elsewhere: ${request.url()}`);
  });
  page.on('requestfailed', (request) =>
    complaints.push(`failed: ${request.url()} ${request.failure()?.errorText}`),
  );
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()}: ${response.url()}`);
  });
  return { page, complaints, requests };
}

/** What a page makes itself, a worker's script say, has the page's origin: blob:http://… */
function isWithin(origin, url) {
  return new URL(url).protocol === 'data:' || new URL(url).origin === origin;
}
