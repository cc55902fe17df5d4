// A bare Fastify route: what HTTP and JSON alone cost. It answers as large a body as /api/v1/me does.
import Fastify from 'fastify';
import { userSchema } from './floor-schemas.mjs';

const { PORT, HOST } = process.env;
const now = new Date();
const user = {
  user_id: 1,
  name: 'Ada Lovelace',
  email: 'bench-0123456789ab@example.com',
  location: 'London',
  about: null,
  created_at: now,
  updated_at: now,
};
const app = Fastify();
app.get('/', { schema: { response: { 200: userSchema } } }, async () => user);
await app.listen({ host: HOST, port: Number(PORT) });
process.on('SIGTERM', () => process.exit());
