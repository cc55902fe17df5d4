import { explain, faultsOf, summaryOf } from './plans.mjs';
import { emailOf, handleHashOf, passwordOf } from './population.mjs';
import { backlogRows, batchRows, sessionsPerUserMax } from './settings.mjs';
import { recordStatements } from './statements.mjs';

/** The plans of all statements, for a session somewhere in the table, with what is wrong about each. */
export async function checkPlans(client, population) {
  const sessionId = population.randomLiveSession();
  const userId = population.userOf(sessionId);
  const recorded = await recordStatements({
    userId,
    email: emailOf(userId),
    passwordHash: passwordOf(userId),
    sessionId,
    handleHash: Buffer.from(handleHashOf(sessionId), 'hex'),
    generation: population.generationOf(sessionId),
    expiredFrom: population.randomEnd(),
    backlogRows,
  });
  const plans = [];
  for (const statement of recorded) {
    const explained = await explain(client, statement);
    plans.push({
      ...summaryOf(explained),
      faults: faultsOf(explained, { sessionsPerUserMax, batchRows, backlogRows }),
      plan: explained.plan,
    });
  }
  return plans;
}
