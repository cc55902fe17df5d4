import { startPasswordHasher } from '../../dist/passwords/hasher.js';

// Says which engine hashes where PASSWORD_HASH_ENGINE is auto
const hasher = await startPasswordHasher({ cost: 4, engine: 'auto', maxWaitMs: 1000, threads: 1 });
console.log(hasher.engine);
await hasher.close();
