import t from 'tap';
import { secretAlgorithms } from '../../src/keys/algorithm.ts';
import { startApp } from '../support/app.ts';

for (const algorithm of secretAlgorithms) {
  t.test(`tokens of ${algorithm} are those of @fastify/jwt, byte for byte`, async (t) => {
    const { app } = await startApp(t, { env: { TOKEN_CREATION_ALGORITHM: algorithm } });
    const times = { iat: 1_800_000_000, exp: 1_800_000_900 };
    const access = { sub: '1815', sid: '1852', jti: 'ö – "quoted"', ...times };
    t.equal(app.tokens.access.sign(access), app.jwt.access.sign(access));
    const refresh = { handle: 'x'.repeat(43), generation: 3, ...times };
    t.equal(app.tokens.refresh.sign(refresh), app.jwt.refresh.sign(refresh));
  });
}
