// The bare service: what /api/v1/me and refresh cost with Fastify, @fastify/jwt and pg alone. It has the statements,
// claims, algorithms, pool size and response schemas of Gatehouse, but no log, security headers, request ids,
// validation, checks of claims beyond signature and expiry, error envelope or timeouts.
import { createHash, randomUUID } from 'node:crypto';
import fastifyJwt from '@fastify/jwt';
import Fastify from 'fastify';
import pg from 'pg';
import { rotateSession } from '../dist/storage/sessions.js';
import { selectUserBySession } from '../dist/storage/users.js';
import { defaultOf } from './settings.mjs';

const { DATABASE_URL, SECRET_KEY, REFRESH_TOKEN_SECRET, PORT, HOST } = process.env;
const algorithm = defaultOf('TOKEN_CREATION_ALGORITHM');
const accessTokenSeconds = defaultOf('ACCESS_TOKEN_TTL_SECONDS');
const refreshGraceSeconds = defaultOf('REFRESH_GRACE_SECONDS');

const text = { type: 'string' };
const integer = { type: 'integer' };
const time = { type: 'string', format: 'date-time' };
const object = (properties) => ({ type: 'object', properties, required: Object.keys(properties) });
const user = object({
  user_id: integer,
  name: text,
  email: text,
  location: text,
  about: { type: 'string', nullable: true },
  created_at: time,
  updated_at: time,
});
const tokenPair = object({
  access_token: text,
  token_type: text,
  expires_in: integer,
  refresh_token: text,
  refresh_expires_in: integer,
});

/** The name and text of a statement, recorded from Gatehouse's own code so that the two can't drift apart. */
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

const statements = {
  me: await recorded((db) => selectUserBySession(db, { userId: 1, sessionId: 1 })),
  refresh: await recorded((db) => rotateSession(db, { handleHash: Buffer.alloc(32), generation: 1 }, 10)),
};
pg.types.setTypeParser(pg.types.builtins.INT8, Number);
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: defaultOf('DATABASE_POOL_SIZE') });
const app = Fastify();

await app.register(fastifyJwt, {
  namespace: 'access',
  secret: SECRET_KEY,
  sign: {
    algorithm,
    iss: defaultOf('TOKEN_ISSUER'),
    aud: defaultOf('TOKEN_AUDIENCE'),
    header: { alg: algorithm, typ: 'at+jwt' },
  },
  verify: { algorithms: [algorithm] },
});
await app.register(fastifyJwt, {
  namespace: 'refresh',
  secret: REFRESH_TOKEN_SECRET,
  sign: { algorithm: 'HS256', header: { alg: 'HS256', typ: 'rt+jwt' } },
  verify: { algorithms: ['HS256'] },
});

app.get('/', async () => 'ok');

app.get('/api/v1/me', { schema: { response: { 200: user } } }, async (request) => {
  // The synchronous call: request.accessJwtVerify() costs more
  const { sub, sid } = app.jwt.access.verify(request.headers.authorization.slice('Bearer '.length));
  const { rows } = await pool.query({ ...statements.me, values: [sid] });
  if (rows[0]?.user_id !== Number(sub)) throw new Error('no such session');
  return rows[0];
});

app.post('/api/v1/auth/refresh-token', { schema: { response: { 200: tokenPair } } }, async (request) => {
  const { handle, generation } = app.jwt.refresh.verify(request.body.refresh_token);
  const handleHash = createHash('sha256').update(handle).digest();
  const { rows } = await pool.query({
    ...statements.refresh,
    values: [handleHash, generation, refreshGraceSeconds],
  });
  if (rows.length === 0) throw new Error('no such session');
  const [session] = rows;
  const accessExpiresAt = Math.min(session.now + accessTokenSeconds, session.refresh_expires_at);
  return {
    access_token: app.jwt.access.sign({
      sub: String(session.user_id),
      sid: String(session.tokenid),
      jti: randomUUID(),
      iat: session.now,
      exp: accessExpiresAt,
    }),
    token_type: 'Bearer',
    expires_in: accessExpiresAt - session.now,
    refresh_token: app.jwt.refresh.sign({
      handle,
      generation: session.generation,
      iat: session.rotated_at,
      exp: session.refresh_expires_at,
    }),
    refresh_expires_in: session.refresh_expires_at - session.now,
  };
});

await app.listen({ host: HOST, port: Number(PORT) });
process.on('SIGTERM', () => process.exit());
