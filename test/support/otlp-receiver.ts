import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';

export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  /** Empty for the first of its trace. */
  parentSpanId: string;
  name: string;
  /** internal 1, server 2, client 3. */
  kind: number;
  start: bigint;
  end: bigint;
  attributes: Record<string, string | number>;
  /** ok or unset 0, error 2. */
  status: number;
  events: number;
  resource: Record<string, string | number>;
}

export interface OtlpReceiver {
  /** What OTEL_EXPORTER_OTLP_ENDPOINT is to be. */
  endpoint: string;
  spans: ReceivedSpan[];
  /** What came, byte for byte, so that a test can look for what must not be in it. */
  bodies: Buffer[];
  headers: IncomingHttpHeaders[];
  /** What is answered from now on; by default 200. */
  answer: { status: number; afterMs: number };
  /** Resolves when so many spans have this name. */
  received(name: string, count?: number): Promise<ReceivedSpan[]>;
}

/** A collector that takes traces by OTLP over HTTP, as protobuf, and keeps them. */
export async function startOtlpReceiver(t: Test): Promise<OtlpReceiver> {
  const receiver: OtlpReceiver = {
    endpoint: '',
    spans: [],
    bodies: [],
    headers: [],
    answer: { status: 200, afterMs: 0 },
    async received(name, count = 1) {
      const named = () => receiver.spans.filter((span) => span.name === name);
      while (named().length < count) await sleep(20);
      return named();
    },
  };
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    const { status, afterMs } = receiver.answer;
    receiver.bodies.push(body);
    receiver.headers.push(request.headers);
    if (request.url === '/v1/traces' && status === 200) receiver.spans.push(...spansOf(body));
    if (afterMs > 0) await sleep(afterMs, undefined, { ref: false });
    response.writeHead(status, { 'content-type': 'application/x-protobuf' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  receiver.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return receiver;
}

// opentelemetry-proto: trace.proto, resource.proto and common.proto say what these numbers are
function spansOf(body: Buffer): ReceivedSpan[] {
  return messages(parse(body), 1).flatMap((resourceSpans) => {
    const resource = attributesOf(messages(resourceSpans, 1).flatMap((each) => messages(each, 1)));
    const spans = messages(resourceSpans, 2).flatMap((scopeSpans) => messages(scopeSpans, 2));
    return spans.map((span) => spanOf(span, resource));
  });
}

function spanOf(span: Message, resource: ReceivedSpan['resource']): ReceivedSpan {
  const [status] = messages(span, 15);
  return {
    traceId: bytes(span, 1).toString('hex'),
    spanId: bytes(span, 2).toString('hex'),
    parentSpanId: bytes(span, 4).toString('hex'),
    name: bytes(span, 5).toString(),
    kind: Number(integer(span, 6)),
    start: integer(span, 7),
    end: integer(span, 8),
    attributes: attributesOf(messages(span, 9)),
    events: messages(span, 11).length,
    status: status === undefined ? 0 : Number(integer(status, 3)),
    resource,
  };
}

function attributesOf(pairs: Message[]): Record<string, string | number> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [value] = messages(pair, 2);
      const isText = value?.has(1);
      return [
        bytes(pair, 1).toString(),
        value === undefined ? '' : isText ? bytes(value, 1).toString() : Number(integer(value, 3)),
      ];
    }),
  );
}

type Message = Map<number, (Buffer | bigint)[]>;

/** The wire format of Protocol Buffers: numbered fields, each an integer or a run of bytes. */
function parse(body: Buffer): Message {
  const fields: Message = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = body.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const run = (length: number) => {
    at += length;
    return body.subarray(at - length, at);
  };
  while (at < body.length) {
    const tag = Number(varint());
    const wireType = tag & 7;
    const value =
      wireType === 0
        ? varint()
        : wireType === 1
          ? run(8).readBigUInt64LE()
          : wireType === 5
            ? BigInt(run(4).readUInt32LE())
            : run(Number(varint()));
    const values = fields.get(tag >> 3) ?? [];
    values.push(value);
    fields.set(tag >> 3, values);
  }
  return fields;
}

function messages(message: Message, field: number): Message[] {
  return (message.get(field) ?? []).filter((value) => typeof value !== 'bigint').map(parse);
}

function bytes(message: Message, field: number): Buffer {
  const [value] = message.get(field) ?? [];
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
}

function integer(message: Message, field: number): bigint {
  const [value] = message.get(field) ?? [];
  return typeof value === 'bigint' ? value : 0n;
}
