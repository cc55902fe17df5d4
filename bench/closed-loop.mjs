import autocannon from 'autocannon';

// autocannon looks this often (milliseconds) whether it is done; its default of 1 is work for the measured machine
const sampleInt = 100;
const json = { 'content-type': 'application/json' };

/** A fixed number of GET /api/v1/me, one after another on each connection, each with its session's token. */
export async function meInTurn({ url, amount, sessions }) {
  let next = 0;
  await inTurn({
    url: `${url}/api/v1/me`,
    amount,
    connections: sessions.length,
    setupClient: (client) => client.setHeaders({ authorization: `Bearer ${sessions[next++].access_token}` }),
  });
  return { sessions };
}

/** A fixed number of refreshes: each connection carries on from the refresh token it got last. */
export async function refreshInTurn({ url, amount, sessions }) {
  const current = sessions.map((session) => ({ ...session }));
  const bodyOf = ({ refresh_token }) => JSON.stringify({ refresh_token });
  let next = 0;
  await inTurn({
    url: `${url}/api/v1/auth/refresh-token`,
    amount,
    connections: sessions.length,
    setupClient: (client) => {
      const session = current[next++];
      client.setRequests([
        {
          method: 'POST',
          headers: json,
          body: bodyOf(session),
          onResponse: (status, body) => {
            if (status !== 200) return;
            Object.assign(session, JSON.parse(body));
            client.setBody(bodyOf(session));
          },
        },
      ]);
    },
  });
  return { sessions: current };
}

async function inTurn(options) {
  const { '2xx': ok, errors } = await autocannon({ ...options, sampleInt });
  if (ok !== options.amount || errors > 0) {
    throw new Error(`${options.url}: ${ok} of ${options.amount} requests were answered 2xx`);
  }
}
