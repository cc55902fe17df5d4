// What me, user by id and refresh cost with Fastify, @fastify/jwt and pg alone. It has the statements, claims, algorithms,
// pool size and response schemas of Gatehouse, but no log, security headers, request ids, validation, checks of claims
// beyond signature and expiry, error envelope or timeouts.
import { createHash, randomUUID } from 'node:crypto';
import fastifyJwt from '@fastify/jwt';
import Fastify from 'fastify';
import pg from 'pg';
import { defaultOf } from './defaults.mjs';
import { tokenPairSchema, userSchema } from './floor-schemas.mjs';
import { statements } from './statements.mjs';

const { DATABASE_URL, SECRET_KEY, REFRESH_TOKEN_SECRET, PORT, HOST } = process.env;
const algorithm = defaultOf('TOKEN_CREATION_ALGORITHM');
const accessTokenSeconds = defaultOf('ACCESS_TOKEN_TTL_SECONDS');
const refreshGraceSeconds = defaultOf('REFRESH_GRACE_SECONDS');

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

app.get('/livez', async () => ({ status: 'ok' }));

app.get('/api/v1/me', { schema: { response: { 200: userSchema } } }, userOf);

app.get('/auth/user/:user_id', { schema: { response: { 200: userSchema } } }, async (request) => {
  const user = await userOf(request);
  if (user.user_id !== Number(request.params.user_id)) throw new Error('another user');
  return user;
});

async function userOf(request) {
  // The synchronous call: request.accessJwtVerify() costs more
  const { sub, sid } = app.jwt.access.verify(request.headers.authorization.slice('Bearer '.length));
  const { rows } = await pool.query({ ...statements.me, values: [sid] });
  if (rows[0]?.user_id !== Number(sub)) throw new Error('no such session');
  return rows[0];
}

app.post(
  '/api/v1/auth/refresh-token',
  { schema: { response: { 200: tokenPairSchema } } },
  async (request) => {
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
  },
);

await app.listen({ host: HOST, port: Number(PORT) });
process.on('SIGTERM', () => process.exit());
