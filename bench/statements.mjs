import { rotateSession } from '../dist/storage/sessions.js';
import { selectUserBySession } from '../dist/storage/users.js';

/** The name and text of a statement, recorded from Gatehouse's own code so that the floors can't drift apart from it. */
async function recorded(call) {
  let statement;
  await call({
    query: async ({ name, text }) => {
      statement = { name, text };
      return { rows: [] };
    },
  });
  return statement;
}

export const statements = {
  /** Parameters: session id. */
  me: await recorded((db) => selectUserBySession(db, { userId: 1, sessionId: 1 })),
  /** Parameters: hash of the handle, generation, seconds of grace. */
  refresh: await recorded((db) => rotateSession(db, { handleHash: Buffer.alloc(32), generation: 1 }, 10)),
};
