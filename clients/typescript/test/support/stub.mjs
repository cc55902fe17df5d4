import { createGatehouse } from '../../dist/index.js';

/** A client whose requests are answered here, and the requests that it has sent. */
export function stubbed(answer, options = {}) {
  const sent = [];
  const client = createGatehouse({
    baseUrl: 'http://auth.example',
    retry: { maxAttempts: 1 },
    ...options,
    fetch: async (url, init) => {
      sent.push({ url, init });
      return answer(url, init);
    },
  });
  return { client, sent };
}

/** Resolves once the condition holds. */
export async function until(condition, what) {
  for (const deadline = Date.now() + 30_000; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`This never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A promise, and what fulfils it. */
export function gate() {
  let open;
  const opened = new Promise((resolve) => {
    open = resolve;
  });
  return { open, opened };
}
