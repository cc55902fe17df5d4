import fp from 'fastify-plugin';
import { accountComponents, type PasswordLengths } from './accounts.ts';
import { errorComponents } from './errors.ts';
import { healthComponents } from './health.ts';
import { oauthComponents } from './oauth.ts';
import { sessionComponents } from './sessions.ts';
import { wellKnownComponents } from './well-known.ts';

/** The named components of the OpenAPI document. Routes refer to them by name, so that generated types have names. */
export default fp<PasswordLengths>(
  async (app, lengths) => {
    const components = [
      ...accountComponents(lengths),
      ...sessionComponents,
      ...oauthComponents,
      ...wellKnownComponents,
      ...healthComponents,
      ...errorComponents,
    ];
    for (const component of components) app.addSchema(component);
  },
  { name: 'schemas' },
);
