import type { Test } from 'tap';
import type { TestDatabase } from './database.ts';

const start = Date.UTC(2030, 0, 1);
// Half a second, so that what is rounded to whole seconds never falls on the very moment that it is compared with
const fraction = 500;

export interface FrozenClock {
  /** Whole seconds since the clock started. */
  readonly now: number;
  /** What a time that the service gave is on this clock: whole seconds since it started. */
  secondsAt(time: Date): number;
  advance(seconds: number): Promise<void>;
}

/**
 * Stops the clocks of this process and of the database, for connections that are made from now on and for the test's
 * own. They advance together, and only when told to. For a test file that has this one clock.
 */
export async function freezeClock(t: Test, { client, url }: TestDatabase): Promise<FrozenClock> {
  const realNow = Date.now;
  t.teardown(() => {
    Date.now = realNow;
  });
  const database = client.escapeIdentifier(new URL(url).pathname.slice(1));
  // What comes before pg_catalog in the search path replaces what is in it
  await client.query(`
    CREATE SCHEMA clock;
    CREATE TABLE clock.stopped (at timestamptz NOT NULL);
    INSERT INTO clock.stopped VALUES (to_timestamp(0));
    CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM clock.stopped';
    ALTER DATABASE ${database} SET search_path TO clock, pg_catalog, public;
    SET search_path TO clock, pg_catalog, public`);

  let now = 0;
  const set = async () => {
    const milliseconds = start + now * 1000 + fraction;
    Date.now = () => milliseconds;
    await client.query('UPDATE clock.stopped SET at = to_timestamp($1::numeric / 1000)', [milliseconds]);
  };
  await set();
  return {
    get now() {
      return now;
    },
    secondsAt: (time) => (time.getTime() - start - fraction) / 1000,
    advance: async (seconds) => {
      now += seconds;
      await set();
    },
  };
}
