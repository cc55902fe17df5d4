import { idleDays, lifetimeDays } from './settings.mjs';

// Users and sessions as functions of their ids, so that any of them can be asked for without being looked up first.

const dayMs = 86_400_000;
const idleSeconds = idleDays * 86_400;
// One session in eleven is past its end, as when pruning has been off for three days
const oldestDays = lifetimeDays * 1.1;
// A session that may end while this runs is not taken for a living one
const marginMs = 4 * 3_600_000;

const given =
  'Ada Grace Alan Edsger Barbara Donald Frances Ken Margaret Dennis Radia Linus Katherine Niklaus Hedy Tim Annie Vint Karen Bjarne Shafi Leslie Lynn John Sophie Guido Mary Yukihiro Evelyn Anders'.split(
    ' ',
  );
const family =
  'Lovelace Hopper Turing Dijkstra Liskov Knuth Allen Thompson Hamilton Ritchie Perlman Torvalds Johnson Wirth Lamarr Berners Easley Cerf Jones Stroustrup Goldwasser Lamport Conway McCarthy Wilson Rossum Keller Matsumoto Boyd Hejlsberg Oluwaseun Nakamura Papadopoulos Fernandez Kowalczyk'.split(
    ' ',
  );
const domains = [
  'gmail.com',
  'outlook.com',
  'yahoo.co.uk',
  'web.de',
  'example.org',
  'mail.example-company.com',
];
const places = [
  '',
  '',
  '',
  'London',
  'Amsterdam',
  'São Paulo',
  'Kraków',
  'San Francisco',
  'Nairobi',
  'Jakarta',
];
const about =
  'Writes programs, reads proofs, and keeps bees on the roof of a house that was built for quite another purpose. Mostly answers letters on Sundays. Ask about lighthouses, bread, cycling along canals and old railway maps. ';
const agents = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/#.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.# Safari/605.1.15',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_# like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148',
  'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/#.0.0.0 Mobile Safari/537.36',
  'Mozilla/5.0 (X11; Linux x86_64; rv:#.0) Gecko/20100101 Firefox/#.0',
  'okhttp/4.12.#',
];
const bcryptAlphabet = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** 32 bits that look random, of an id and of what they are for (the finaliser of MurmurHash3). */
function mixed(id, use) {
  let hash = Math.imul(id, 0x9e3779b1) ^ Math.imul(use + 1, 0x85ebca77);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const share = (id, use) => mixed(id, use) / 2 ** 32;
const below = (id, use, count) => Math.floor(share(id, use) * count);
const chosen = (id, use, from) => from[below(id, use, from.length)];

/** What looks like a bcrypt hash, and is nobody's: no password is ever checked against it here. */
export function passwordOf(userId) {
  let text = '$2b$12$';
  for (let word = 0; text.length < 60; word++) {
    let bits = mixed(userId, 100 + word);
    for (let digit = 0; digit < 5 && text.length < 60; digit++, bits >>>= 6)
      text += bcryptAlphabet[bits & 63];
  }
  return text;
}

export function emailOf(userId) {
  const [first, last, domain] = [
    chosen(userId, 1, given),
    chosen(userId, 2, family),
    chosen(userId, 3, domains),
  ];
  return `${first}.${last}${userId.toString(36)}@${domain}`.toLowerCase();
}

/** 32 bytes, as hex: what SHA-256 of a session handle looks like. */
export function handleHashOf(sessionId) {
  let hex = '';
  for (let word = 0; word < 8; word++)
    hex += mixed(sessionId, 200 + word)
      .toString(16)
      .padStart(8, '0');
  return hex;
}

/** @param {{ users: number, sessions: number, loadedAt: number }} options `loadedAt` in milliseconds since the epoch */
export function populationOf({ users, sessions, loadedAt }) {
  /** Sessions come in the order in which they were opened, as their ids do. */
  const timesOf = (id) => {
    const openedAt = loadedAt - ((sessions - id + share(id, 10)) / sessions) * oldestDays * dayMs;
    // Most were used in the last days, whatever their age
    const unusedMs = -Math.log(1 - share(id, 11)) * 4 * dayMs;
    const rotatedAt = Math.max(openedAt, loadedAt - unusedMs);
    return { openedAt, rotatedAt, expiresAt: openedAt + lifetimeDays * dayMs };
  };
  const generations = new Map();
  const generationOf = (id) => {
    const { openedAt, rotatedAt } = timesOf(id);
    return generations.get(id) ?? 1 + Math.floor((rotatedAt - openedAt) / (6 * 3_600_000));
  };
  const isAlive = (id) => {
    const { rotatedAt, expiresAt } = timesOf(id);
    return expiresAt > loadedAt + marginMs && rotatedAt > loadedAt + marginMs - idleDays * dayMs;
  };
  const randomId = (count) => 1 + Math.floor(Math.random() * count);
  return {
    users,
    sessions,
    randomUser: () => randomId(users),
    randomLiveSession() {
      for (;;) {
        const id = randomId(sessions);
        if (isAlive(id)) return id;
      }
    },
    isAlive,
    /** Opened longer ago than a session may be idle. */
    randomOldSession: () => randomId(sessions * (1 - (idleDays + 1) / oldestDays)),
    userOf: (sessionId) => 1 + below(sessionId, 12, users),
    generationOf,
    /** Notes that the session was refreshed. */
    advanced: (sessionId, generation) => generations.set(sessionId, generation),
    /** A moment that a good part of the expired sessions had ended after. */
    randomEnd() {
      const expired = sessions * (1 - lifetimeDays / oldestDays);
      return new Date(timesOf(randomId(expired * 0.4)).expiresAt).toISOString();
    },
    userRow(id) {
      const createdAt = new Date(loadedAt - share(id, 4) * 1000 * dayMs).toISOString();
      const name = `${chosen(id, 1, given)} ${chosen(id, 2, family)}`;
      const text = share(id, 5) < 0.3 ? about.slice(0, 20 + below(id, 6, 180)) : '\\N';
      return `${id}\t${name}\t${emailOf(id)}\t${chosen(id, 7, places)}\t${text}\t${passwordOf(id)}\t${createdAt}\t${createdAt}\n`;
    },
    sessionRow(id) {
      const { openedAt, rotatedAt, expiresAt } = timesOf(id);
      const times = [openedAt, rotatedAt, expiresAt].map((ms) => new Date(ms).toISOString()).join('\t');
      const agent = chosen(id, 13, agents).replaceAll('#', String(100 + below(id, 14, 40)));
      return `${id}\t\\\\x${handleHashOf(id)}\t${this.userOf(id)}\t${generationOf(id)}\t${times}\t${idleSeconds}\t${agent}\t${addressOf(id)}\n`;
    },
  };
}

function addressOf(id) {
  const bits = mixed(id, 15);
  const bytes = [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255);
  if (share(id, 16) < 0.7) return bytes.join('.');
  const groups = [mixed(id, 17), mixed(id, 18)].flatMap((word) => [word >>> 16, word & 0xffff]);
  return `2001:db8:${[bits >>> 16, bits & 0xffff, ...groups].map((group) => group.toString(16)).join(':')}`;
}
