import { type Static, Type } from '@sinclair/typebox';
import { withExample } from './examples.ts';
import { responseOf } from './response.ts';

/** The named components of what is published below /.well-known. */

const Jwk = Type.Object(
  {
    kty: Type.String({ enum: ['RSA', 'EC', 'OKP'] }),
    use: Type.String({ enum: ['sig'] }),
    alg: Type.String({ enum: ['RS256', 'ES256', 'EdDSA'], description: 'The only algorithm of this key' }),
    kid: Type.String({ description: 'RFC 7638 thumbprint' }),
    crv: Type.Optional(Type.String({ description: 'The curve; of EC and OKP keys' })),
    x: Type.Optional(Type.String({ description: 'Of EC and OKP keys' })),
    y: Type.Optional(Type.String({ description: 'Of EC keys' })),
    n: Type.Optional(Type.String({ description: 'The modulus; of RSA keys' })),
    e: Type.Optional(Type.String({ description: 'The exponent; of RSA keys' })),
  },
  { $id: 'Jwk', additionalProperties: false, description: 'A public key (RFC 7517 §4)' },
);

const JwkSet = withExample(
  Type.Object(
    { keys: Type.Array(Type.Unsafe<Static<typeof Jwk>>(Type.Ref('Jwk'))) },
    { $id: 'JwkSet', additionalProperties: false },
  ),
  {
    keys: [
      // The key of RFC 7517 appendix A.1
      {
        kty: 'EC',
        use: 'sig',
        alg: 'ES256',
        kid: 'cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s',
        crv: 'P-256',
        x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4',
        y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM',
      },
    ],
  },
);

const url = (description: string) => Type.String({ format: 'uri', description });
const authMethods = Type.Array(Type.String(), { description: 'How clients may authenticate there' });
const none = (description: string) => Type.Array(Type.String(), { description });

const ServerMetadata = withExample(
  Type.Object(
    {
      issuer: Type.String({ description: 'The iss claim of access tokens' }),
      jwks_uri: url('The public keys that verify access tokens'),
      introspection_endpoint: url('RFC 7662'),
      introspection_endpoint_auth_methods_supported: authMethods,
      revocation_endpoint: url('RFC 7009'),
      revocation_endpoint_auth_methods_supported: authMethods,
      service_documentation: url('For people'),
      response_types_supported: none('None: there is no authorization endpoint'),
      grant_types_supported: none('None: there is no token endpoint'),
    },
    { $id: 'ServerMetadata', additionalProperties: false },
  ),
  {
    issuer: 'https://auth.example.com',
    jwks_uri: 'https://auth.example.com/.well-known/jwks.json',
    introspection_endpoint: 'https://auth.example.com/oauth/introspect',
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    revocation_endpoint: 'https://auth.example.com/oauth/revoke',
    revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    service_documentation: 'https://auth.example.com/docs',
    response_types_supported: [],
    grant_types_supported: [],
  },
);

export const wellKnownComponents = [Jwk, JwkSet, ServerMetadata];

export const jwkSetResponse = responseOf<Static<typeof JwkSet>>('JwkSet');
export const serverMetadataResponse = responseOf<Static<typeof ServerMetadata>>('ServerMetadata');
