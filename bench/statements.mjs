import { rotateSession } from '../dist/storage/sessions.js';
import { selectUserBySession } from '../dist/storage/users.js';

/** The name and text of the statements behind /api/v1/me and refresh: recorded, so that they are the same for ever. */
export async function recordStatements() {
  return {
    me: await recorded((db) => selectUserBySession(db, { userId: 1, sessionId: 1 })),
    refresh: await recorded((db) => rotateSession(db, { handleHash: Buffer.alloc(32), generation: 1 }, 10)),
  };
}

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
