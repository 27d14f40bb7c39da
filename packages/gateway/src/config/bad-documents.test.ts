import assert from "node:assert/strict";
import { test } from "node:test";
import { problemsOf } from "./support.test.ts";
import type { Given } from "./support.test.ts";

type Case = readonly [name: string, document: string, problems: readonly string[], given?: Given];

const target = "targets: [{ endpoint: a, model: m }]";
const endpointA = "endpoints:\n  - { name: a, type: openai }\n";

const stateForm =
  "must be memory, or a Redis URL such as redis://user:${REDIS_PASSWORD}@host:6379/0 (rediss:// for TLS)";
const encode = "in a password, write @ / : ? # % and [ ] as %40 %2F %3A %3F %23 %25 %5B %5D";

const cases: readonly Case[] = [
  // Reading.
  [
    "an unclosed bracket",
    "models: [",
    ["patchbay.yaml:1:10: flow sequence in block collection must be sufficiently indented and end with a ]"],
  ],
  ["an unclosed quote", 'store: "x', ['patchbay.yaml:1:10: missing closing "quote']],
  ["a tab as indentation", "server:\n\tport: 1\n", ["patchbay.yaml:2:1: tabs cannot indent; use spaces"]],
  [
    "bad indentation",
    "server:\n  port: 1\n host: x\n",
    ["patchbay.yaml:3:1: all mapping items must start at the same column"],
  ],
  ["two documents", "detect: true\n---\ndetect: false\n", ["patchbay.yaml:2:1: the file holds more than one document"]],
  ["a custom tag", "store: !secret x\n", ["patchbay.yaml:1:8: unsupported tag; only YAML's own types are read"]],
  [
    "a YAML 1.1 tag, even by directive",
    "%YAML 1.1\n---\nstore: !!binary aGk=\n",
    ["patchbay.yaml:3:8: unsupported tag; only YAML's own types are read"],
  ],
  [
    "an unquoted reference in braces",
    "server: { port: ${PORT} }\n",
    ['patchbay.yaml:1:18: inside { } or [ ] a reference must stand in quotes, such as "${NAME}"'],
  ],
  [
    "an alias without an anchor",
    "store: *somewhere\n",
    ["patchbay.yaml:1:8: store: an alias names no anchor that stands before it"],
  ],
  [
    "an alias inside its anchor",
    "endpoints: &a [*a]\n",
    ["patchbay.yaml:1:16: endpoints[0]: an alias stands inside its own anchor"],
  ],
  ["broken JSON", '{"server": {"port": 1}', ["patchbay.yaml:1:23: flow map must end with a }"]],
  [
    "a duplicate key",
    "server:\n  port: 1\n  host: localhost\n  port: 2\n",
    ["patchbay.yaml:4:3: server: duplicate key `port`; it was first given in line 2"],
  ],
  [
    "a hostile key",
    "server:\n  __proto__: { port: 1 }\n",
    ["patchbay.yaml:2:3: server: the key `__proto__` is refused"],
  ],
  ["a key that is a list", "? [a]\n: 1\n", ["patchbay.yaml:1:3: a key must be plain text"]],
  ["a number that is none", "server:\n  port: .nan\n", ["patchbay.yaml:2:9: server.port: must be a finite number"]],
  ["a document that is a text", "hello\n", ["patchbay.yaml:1:1: must be a mapping"]],
  ["a document that is a list", "- a\n", ["patchbay.yaml:1:1: must be a mapping"]],

  // Keys.
  [
    "an unknown key with a near one",
    "modles: []\n",
    ["patchbay.yaml:1:1: unknown key `modles`; did you mean `models`?"],
  ],
  ["an unknown key far from all", "server:\n  banana: 1\n", ["patchbay.yaml:2:3: server: unknown key `banana`"]],
  ["an unknown key named like a method", "constructor: 1\n", ["patchbay.yaml:1:1: unknown key `constructor`"]],
  [
    "an unknown key of a model",
    `${endpointA}models:\n  - name: x\n    alises: [y]\n    ${target}\n`,
    ["patchbay.yaml:5:5: models[0]: unknown key `alises`; did you mean `aliases`?"],
  ],
  [
    "a key of another program",
    "endpoints:\n  - name: a\n    type: openai\n    baseUrl: https://x\n",
    ["patchbay.yaml:4:5: endpoints[0]: unknown key `baseUrl`; write `url`"],
  ],
  ["merge keys", "server: &s { port: 1 }\nlog:\n  <<: *s\n", ["patchbay.yaml:3:3: log: unknown key `<<`"]],
  ["control characters in a key are not repeated", '"a\\u001b[31m": 1\n', ["patchbay.yaml:1:1: unknown key `a?[31m`"]],

  // Known, but not yet.
  [
    "keys of a later version",
    `patterns: []\n${endpointA}`,
    ["patchbay.yaml:1:1: `patterns` is not available in this version"],
  ],
  [
    "limits that limit nothing, or everything",
    "models:\n  - name: m\n    targets: []\n    limits: { requestsPerMinute: 0, tokensPerMinute: 1.5, tokensPerDay: 2e12, concurrent: -1, headroom: 80, queue: 1e9, patience: 0 }\n",
    [
      "patchbay.yaml:3:14: models[0].targets: must hold at least one entry",
      "patchbay.yaml:4:34: models[0].limits.requestsPerMinute: must be a whole number from 1 to 1000000000000",
      "patchbay.yaml:4:54: models[0].limits.tokensPerMinute: must be a whole number from 1 to 1000000000000",
      "patchbay.yaml:4:73: models[0].limits.tokensPerDay: must be a whole number from 1 to 1000000000000",
      "patchbay.yaml:4:91: models[0].limits.concurrent: must be a whole number from 1 to 1000000",
      "patchbay.yaml:4:105: models[0].limits.headroom: must be a number above 0 and up to 1, such as 0.8",
      "patchbay.yaml:4:116: models[0].limits.queue: must be a whole number from 0 to 10000",
      "patchbay.yaml:4:131: models[0].limits.patience: must be at least 1ms",
    ],
  ],
  [
    "client keys that cannot be",
    "keys:\n  - { name: a, key: short }\n  - { name: a, key: 0123456789abcdef, limits: { usdPerDay: 0, usdPerMonth: ten, priority: 0.5 } }\n  - { name: c, key: 0123456789abcdef, models: [] }\n",
    [
      "patchbay.yaml:2:21: keys[0].key: is too short: it needs at least 16 characters",
      "patchbay.yaml:3:13: keys[1].name: duplicate key name `a`; keys[0].name has it already",
      "patchbay.yaml:3:60: keys[1].limits.usdPerDay: must be an amount of US dollars above 0, at most a million",
      "patchbay.yaml:3:76: keys[1].limits.usdPerMonth: must be an amount of US dollars above 0, at most a million",
      "patchbay.yaml:3:91: keys[1].limits.priority: must be a whole number from -100 to 100",
      "patchbay.yaml:4:21: keys[2].key: is the same key as keys[1].key",
      "patchbay.yaml:4:47: keys[2].models: must hold at least one entry",
    ],
  ],
  [
    "model features of a later version",
    `${endpointA}models:\n  - name: x\n    cache: {}\n    reasoning: {}\n    tools: { mode: auto }\n    ${target}\n`,
    [
      "patchbay.yaml:5:5: models[0]: `cache` is not available in this version",
      "patchbay.yaml:6:5: models[0]: `reasoning` is not available in this version",
      "patchbay.yaml:7:12: models[0].tools: settings for tools are not available in this version",
    ],
  ],
  [
    "a rescue, a race and a council that make no sense",
    `${endpointA}models:\n  - name: x\n    rescue: retry\n    hedge: { after: p96, inFlight: 1 }\n    council: { judge: { endpoint: b, model: m }, tokens: 0, patience: long }\n    ${target}\n`,
    [
      "patchbay.yaml:5:13: models[0].rescue: must be one of off, error, continue, hold",
      "patchbay.yaml:6:21: models[0].hedge.after: must be a duration such as 800ms or 2s, or one of p90, p95, p99",
      "patchbay.yaml:6:36: models[0].hedge.inFlight: must be a whole number from 2 to 10",
      "patchbay.yaml:7:35: models[0].council.judge.endpoint: unknown endpoint `b`",
      "patchbay.yaml:7:58: models[0].council.tokens: must be a whole number from 1 to 1000000",
      "patchbay.yaml:7:71: models[0].council.patience: must be a duration such as 250ms, 5s, 10m or 1h, or a number of milliseconds",
    ],
  ],
  [
    "circuits that make no sense",
    `circuit: { failures: 0 }\n${endpointA}models:\n  - name: x\n    circuit: { failures: 5, window: never, openFor: 1s }\n    ${target}\n`,
    [
      "patchbay.yaml:1:22: circuit.failures: must be a whole number from 1 to 100",
      "patchbay.yaml:6:37: models[0].circuit.window: must be a duration such as 250ms, 5s, 10m or 1h, or a number of milliseconds",
      "patchbay.yaml:6:44: models[0].circuit: unknown key `openFor`",
    ],
  ],
  [
    "failover that makes no sense",
    `${endpointA}models:\n  - name: x\n    failover: { attempts: 21, wait: long, patience: 0, adaptive: 2 }\n    ${target}\n`,
    [
      "patchbay.yaml:5:27: models[0].failover.attempts: must be a whole number from 1 to 20",
      "patchbay.yaml:5:37: models[0].failover.wait: must be a duration such as 250ms, 5s, 10m or 1h, or a number of milliseconds",
      "patchbay.yaml:5:53: models[0].failover.patience: must be at least 1ms",
      "patchbay.yaml:5:66: models[0].failover.adaptive: must be true or false",
    ],
  ],
  [
    "a health check that makes no sense",
    "endpoints:\n  - name: a\n    type: openai\n    cooldown: soon\n    health: { url: example.com, every: 10ms }\n",
    [
      "patchbay.yaml:4:15: endpoints[0].cooldown: must be a duration such as 250ms, 5s, 10m or 1h, or a number of milliseconds",
      "patchbay.yaml:5:20: endpoints[0].health.url: must be an http or https URL such as https://api.example.com/v1",
      "patchbay.yaml:5:40: endpoints[0].health.every: must be at least 1s",
    ],
  ],
  [
    "a time limit of an endpoint's whole exchange, which is the server's",
    "endpoints:\n  - name: a\n    type: openai\n    timeouts: { idle: 5s, total: 1m }\n",
    ["patchbay.yaml:4:27: endpoints[0].timeouts: `total` is not available in this version"],
  ],
  [
    "an endpoint by a pattern",
    `${endpointA}models:\n  - name: x\n    targets: [{ endpoint: "a*", model: m }]\n`,
    ["patchbay.yaml:5:27: models[0].targets[0].endpoint: unknown endpoint `a*`; did you mean `a`?"],
  ],
  [
    "a weight that is no share",
    `${endpointA}models:\n  - name: x\n    targets: [{ endpoint: a, model: m, weight: -1 }]\n`,
    ["patchbay.yaml:5:48: models[0].targets[0].weight: must be a whole number from 0 to 1000"],
  ],
  [
    "a strategy that nobody knows",
    `${endpointA}models:\n  - name: x\n    strategy: bakcup\n    ${target}\n`,
    [
      "patchbay.yaml:5:15: models[0].strategy: must be one of backup, rotate, weighted, duplicate, fastest, cheapest, race, council; did you mean `backup`?",
    ],
  ],
  [
    "an affinity that is no yes or no",
    `${endpointA}models:\n  - name: x\n    affinity: session\n    ${target}\n`,
    ["patchbay.yaml:5:15: models[0].affinity: must be true or false"],
  ],
  [
    "a tier that is none",
    "families: { haiku: small, lite: 5 }\n",
    [
      "patchbay.yaml:1:13: families: unknown key `haiku`",
      "patchbay.yaml:1:33: families.lite: must be a text; put it in quotes",
    ],
  ],
  ["an empty fallback", 'fallback: ""\n', ["patchbay.yaml:1:11: fallback: is empty"]],
  [
    "an endpoint type of a later version",
    "endpoints: [{ name: a, type: runpod }]\n",
    ["patchbay.yaml:1:30: endpoints[0].type: the endpoint type `runpod` is not available in this version"],
  ],
  [
    "an API that nobody knows, and one of a type that has none of OpenAI's",
    "endpoints:\n  - { name: a, type: openai, api: respones }\n  - { name: b, type: gemini, api: chat }\n  - { name: c, type: openai, api: completion }\n  - { name: d, type: gemini, api: completions }\n",
    [
      "patchbay.yaml:2:35: endpoints[0].api: must be one of chat, responses, completions; did you mean `responses`?",
      "patchbay.yaml:3:35: endpoints[1].api: does not apply: the type gemini serves none of OpenAI's APIs",
      "patchbay.yaml:4:35: endpoints[2].api: must be one of chat, responses, completions; did you mean `completions`?",
      "patchbay.yaml:5:35: endpoints[3].api: does not apply: the type gemini serves none of OpenAI's APIs",
    ],
  ],
  [
    "Postgres",
    "store: postgres://user:password@host/db\n",
    [
      "patchbay.yaml:1:8: store: a Postgres store is not available in this version; use sqlite, :memory: or a file name",
    ],
  ],
  ["a state of many servers", "state: redis://a:1,b:2/0\n", [`patchbay.yaml:1:8: state: ${stateForm}; ${encode}`]],
  ["a Redis without a host", "state: redis://\n", [`patchbay.yaml:1:8: state: ${stateForm}`]],
  [
    "a Redis whose password was not encoded",
    "state: redis://:pass/word@host\n",
    [`patchbay.yaml:1:8: state: ${stateForm}; ${encode}`],
  ],
  [
    "a Redis with options behind it",
    "state: redis://host:6379/0?db=1\n",
    [`patchbay.yaml:1:8: state: ${stateForm}; behind the port may stand only the number of a database`],
  ],
  [
    "a Redis with half an encoded letter",
    "state: redis://:50%@host\n",
    ["patchbay.yaml:1:8: state: has a user or password with a % that is not %25"],
  ],
  [
    "the vault",
    "endpoints:\n  - name: a\n    type: openai\n    credentials: [{ apiKey: 'secret:A' }]\n",
    [
      "patchbay.yaml:4:30: endpoints[0].credentials[0].apiKey: the vault (`secret:NAME`) is not available in this version; use ${NAME} or file:PATH",
    ],
  ],

  // Values.
  [
    "a port out of range",
    "server: { port: 65536 }\n",
    ["patchbay.yaml:1:17: server.port: must be a whole number from 0 to 65535"],
  ],
  [
    "a fraction of a port",
    "server: { port: 80.5 }\n",
    ["patchbay.yaml:1:17: server.port: must be a whole number from 0 to 65535"],
  ],
  [
    "a host with a scheme",
    "server: { host: 'http://localhost' }\n",
    ["patchbay.yaml:1:17: server.host: must be a host name or an IP address, without scheme and port"],
  ],
  [
    "a duration in words",
    "server: { timeouts: { connect: five } }\n",
    [
      "patchbay.yaml:1:32: server.timeouts.connect: must be a duration such as 250ms, 5s, 10m or 1h, or a number of milliseconds",
    ],
  ],
  [
    "a negative duration",
    "server: { timeouts: { idle: -5 } }\n",
    [
      "patchbay.yaml:1:29: server.timeouts.idle: must be a duration such as 250ms, 5s, 10m or 1h, or a number of milliseconds",
    ],
  ],
  [
    "a timeout of nothing",
    "server: { timeouts: { idle: 0 } }\n",
    ["patchbay.yaml:1:29: server.timeouts.idle: must be at least 1ms"],
  ],
  [
    "a duration beyond Node's timers",
    "server: { timeouts: { total: 25d } }\n",
    ["patchbay.yaml:1:30: server.timeouts.total: must be at most 24d"],
  ],
  [
    "a keepalive that floods",
    "server: { keepalive: 10ms }\n",
    ["patchbay.yaml:1:22: server.keepalive: must be at least 1s"],
  ],
  [
    "a size without sense",
    "server: { limits: { body: 5XB } }\n",
    ["patchbay.yaml:1:27: server.limits.body: must be a size such as 64KB, 64KiB or 50MB, or a number of bytes"],
  ],
  [
    "a size beyond a text",
    "server: { limits: { answer: 2GB } }\n",
    ["patchbay.yaml:1:29: server.limits.answer: must be at most 500MB"],
  ],
  [
    "origins that are none",
    "server: { cors: { origins: ['https://a.example/x', '*', 'null'] } }\n",
    [
      "patchbay.yaml:1:29: server.cors.origins[0]: must be an origin such as https://app.example.com, without a path",
      "patchbay.yaml:1:52: server.cors.origins[1]: `*` must be the only origin",
      "patchbay.yaml:1:57: server.cors.origins[2]: must be an origin such as https://app.example.com, without a path",
    ],
  ],
  ["a section that is a number", "access: 5\n", ["patchbay.yaml:1:9: access: must be a mapping"]],
  ["a list that is a mapping", "models: { a: 1 }\n", ["patchbay.yaml:1:9: models: must be a list"]],
  [
    "access of an unknown kind",
    "access: { open: alwys }\n",
    ["patchbay.yaml:1:17: access.open: must be one of loopback, never, always; did you mean `always`?"],
  ],
  [
    "a log level of an unknown kind",
    "log: { level: loud }\n",
    ["patchbay.yaml:1:15: log.level: must be one of trace, debug, info, warn, error, fatal, silent"],
  ],
  ["a truth of an unknown kind", "detect: maybe\n", ["patchbay.yaml:1:9: detect: must be true or false"]],
  [
    "an API key that YAML took for a number",
    "endpoints: [{ name: a, type: openai, credentials: [{ apiKey: 123 }] }]\n",
    ["patchbay.yaml:1:62: endpoints[0].credentials[0].apiKey: must be a text; put it in quotes"],
  ],
  [
    "an API key of nothing",
    "endpoints: [{ name: a, type: openai, credentials: [{ apiKey: '' }] }]\n",
    [
      "patchbay.yaml:1:62: endpoints[0].credentials[0].apiKey: is empty; leave `apiKey` out for an endpoint that needs none",
    ],
  ],
  [
    "an API key with a line break inside",
    'endpoints: [{ name: a, type: openai, credentials: [{ apiKey: "a\\nb" }] }]\n',
    ["patchbay.yaml:1:62: endpoints[0].credentials[0].apiKey: must be printable ASCII without blanks"],
  ],
  [
    "headers that cannot be sent",
    'endpoints:\n  - name: a\n    type: openai\n    headers: { Host: x, "a b": y, X: 5, Y: "a\\r\\nb", y: z, Content-Length: "1" }\n',
    [
      "patchbay.yaml:4:22: endpoints[0].headers.Host: is a header that the gateway writes itself",
      'patchbay.yaml:4:32: endpoints[0].headers["a b"]: is no valid header name',
      "patchbay.yaml:4:38: endpoints[0].headers.X: must be a text; put it in quotes",
      "patchbay.yaml:4:44: endpoints[0].headers.Y: must not hold line breaks, control characters or characters beyond Latin-1",
      "patchbay.yaml:4:76: endpoints[0].headers.Content-Length: is a header that the gateway writes itself",
    ],
  ],
  [
    "headers that differ by case only",
    "endpoints: [{ name: a, type: openai, headers: { X-A: b, x-a: c } }]\n",
    ["patchbay.yaml:1:62: endpoints[0].headers.x-a: is given twice; header names ignore case"],
  ],
  [
    "negative prices and attempts",
    `${endpointA}models:\n  - name: x\n    price: { input: -1 }\n    failover: { attempts: 0 }\n    ${target}\n`,
    [
      "patchbay.yaml:5:21: models[0].price.input: must be a number of at least 0",
      "patchbay.yaml:6:27: models[0].failover.attempts: must be a whole number from 1 to 20",
    ],
  ],
  [
    "a default that the client decides",
    `${endpointA}models:\n  - name: x\n    defaults: { stream: true }\n    ${target}\n`,
    ["patchbay.yaml:5:25: models[0].defaults.stream: cannot have a default; the client decides it"],
  ],

  // URLs.
  [
    "a URL with a password",
    "endpoints: [{ name: a, type: openai, url: 'https://u:p@x/v1' }]\n",
    ["patchbay.yaml:1:43: endpoints[0].url: must not hold credentials; write them under `credentials`"],
  ],
  [
    "a URL with a query",
    "endpoints: [{ name: a, type: openai, url: 'https://x/v1?a=b' }]\n",
    ["patchbay.yaml:1:43: endpoints[0].url: must not hold a query or a fragment"],
  ],
  [
    "a URL with a fragment",
    "endpoints: [{ name: a, type: openai, url: 'https://x/v1#' }]\n",
    ["patchbay.yaml:1:43: endpoints[0].url: must not hold a query or a fragment"],
  ],
  [
    "a URL of another scheme",
    "endpoints: [{ name: a, type: openai, url: 'ftp://x' }]\n",
    ["patchbay.yaml:1:43: endpoints[0].url: must be an http or https URL such as https://api.example.com/v1"],
  ],
  [
    "a URL that only a parser would forgive",
    "endpoints: [{ name: a, type: openai, url: 'https:\\x' }]\n",
    ["patchbay.yaml:1:43: endpoints[0].url: must be an http or https URL such as https://api.example.com/v1"],
  ],
  [
    "no URL where the type has none",
    "endpoints: [{ name: a, type: openai-compatible }]\n",
    ["patchbay.yaml:1:13: endpoints[0]: `url` is required: the type openai-compatible has no address of its own"],
  ],

  // Names.
  [
    "an endpoint without name and type",
    "endpoints: [{}]\n",
    ["patchbay.yaml:1:13: endpoints[0].name: is required", "patchbay.yaml:1:13: endpoints[0].type: is required"],
  ],
  [
    "an endpoint's name with a slash",
    "endpoints: [{ name: a/b, type: openai }]\n",
    [
      "patchbay.yaml:1:21: endpoints[0].name: must begin with a letter or digit and hold only letters, digits, `_`, `.` and `-`",
    ],
  ],
  [
    "an unknown endpoint type",
    "endpoints: [{ name: a, type: opnai }]\n",
    ["patchbay.yaml:1:30: endpoints[0].type: unknown endpoint type `opnai`; did you mean `openai`?"],
  ],
  [
    "two endpoints of one name",
    "endpoints:\n  - { name: a, type: openai }\n  - { name: a, type: openai }\n",
    ["patchbay.yaml:3:13: endpoints[1].name: duplicate endpoint name `a`; endpoints[0].name has it already"],
  ],
  [
    "two models of one name",
    `${endpointA}models:\n  - { name: x, aliases: [y], ${target} }\n  - { name: y, aliases: [x], ${target} }\n`,
    [
      "patchbay.yaml:5:13: models[1].name: duplicate model name `y`; models[0].aliases[0] has it already",
      "patchbay.yaml:5:26: models[1].aliases[0]: duplicate model name `x`; models[0].name has it already",
    ],
  ],
  [
    "a model that hides an endpoint's names",
    `${endpointA}models: [{ name: a/m, ${target} }]\n`,
    ["patchbay.yaml:3:18: models[0].name: hides the name that every model of the endpoint `a` has, `a/...`"],
  ],
  [
    "an unknown target",
    `endpoints: [{ name: main, type: openai }]\nmodels:\n  - name: x\n    targets: [{ endpoint: mian, model: m }]\n`,
    ["patchbay.yaml:4:27: models[0].targets[0].endpoint: unknown endpoint `mian`; did you mean `main`?"],
  ],
  [
    "a target that detection would find",
    "models:\n  - name: x\n    targets: [{ endpoint: chutes, model: m }]\n",
    [
      "patchbay.yaml:3:27: models[0].targets[0].endpoint: unknown endpoint `chutes`; set CHUTES_API_KEY, or add it under `endpoints`",
    ],
  ],
  [
    "no targets",
    "models: [{ name: x, targets: [] }]\n",
    ["patchbay.yaml:1:30: models[0].targets: must hold at least one entry"],
  ],
  [
    "two stars",
    `${endpointA}models: [{ name: "a*b*", targets: [{ endpoint: a, model: "**" }] }]\n`,
    [
      "patchbay.yaml:3:18: models[0].name: may hold at most one `*`",
      "patchbay.yaml:3:58: models[0].targets[0].model: may hold at most one `*`",
    ],
  ],
  [
    "a star that nothing fills",
    `${endpointA}models: [{ name: x, targets: [{ endpoint: a, model: "*" }] }]\n`,
    ["patchbay.yaml:3:53: models[0].targets[0].model: holds a `*`, but neither the name nor an alias has one"],
  ],

  // References.
  [
    "a missing variable",
    "endpoints:\n  - name: a\n    type: openai\n    credentials:\n      - apiKey: ${NO_SUCH_KEY}\n",
    ["patchbay.yaml:5:17: endpoints[0].credentials[0].apiKey: the environment variable NO_SUCH_KEY is not set"],
  ],
  [
    "a missing variable inside a text",
    'endpoints:\n  - name: a\n    type: openai\n    headers: { authorization: "Bearer ${TOKEN}" }\n',
    ["patchbay.yaml:4:39: endpoints[0].headers.authorization: the environment variable TOKEN is not set"],
  ],
  [
    "a reference that is none",
    "store: ${1A}\n",
    ["patchbay.yaml:1:8: store: `${1A}` is no reference; write ${NAME}, ${NAME:-default}, or $${ for a literal ${"],
  ],
  [
    "a reference in a default",
    "store: ${A:-${B}}\n",
    ["patchbay.yaml:1:8: store: `${A:-${B}` is no reference; write ${NAME}, ${NAME:-default}, or $${ for a literal ${"],
  ],
  ["a missing file", "store: file:nowhere\n", ["patchbay.yaml:1:8: store: the file nowhere cannot be read (ENOENT)"]],
  [
    "a variable's value is not repeated",
    'log: { level: "${LEVEL}" }\nendpoints: [{ name: a, type: "${LEVEL}" }]\n',
    [
      "patchbay.yaml:1:15: log.level: must be one of trace, debug, info, warn, error, fatal, silent",
      "patchbay.yaml:2:30: endpoints[0].type: unknown endpoint type `${LEVEL}`",
    ],
    { variables: { LEVEL: "sk-canary" } },
  ],

  // Elsewhere than in the document.
  ["a bad variable", "", ["environment: PORT: must be a whole number from 0 to 65535"], { variables: { PORT: "x" } }],
  ["a bad flag", "", ["command line: --port: must be a whole number from 0 to 65535"], { overrides: { port: "x" } }],
  [
    "a bad seed variable",
    "",
    [
      'environment: CORS_ORIGINS: must be a list of origins, with commas or as JSON, or "*"',
      "environment: SSE_KEEPALIVE_INTERVAL: must be a whole number of seconds",
    ],
    { variables: { CORS_ORIGINS: "[1]", SSE_KEEPALIVE_INTERVAL: "soon" } },
  ],
  [
    "an origin in a variable",
    "",
    ["environment: CORS_ORIGIN: must be an origin such as https://app.example.com, without a path"],
    { variables: { CORS_ORIGIN: "https://a.example/x" } },
  ],
  [
    "a key in a variable that cannot be sent",
    "",
    ["environment: OPENAI_API_KEY: must be printable ASCII without blanks"],
    { variables: { OPENAI_API_KEY: "sk-canary with a blank" } },
  ],
  [
    "origins in a variable that are broken JSON",
    "",
    ['environment: CORS_ORIGINS: must be a list of origins, with commas or as JSON, or "*"'],
    { variables: { CORS_ORIGINS: '["https://a.example"' } },
  ],
  ["a state of an unknown kind", "state: disk\n", [`patchbay.yaml:1:8: state: ${stateForm}`]],
  [
    "a bad address in a variable",
    "",
    ["environment: OPENAI_BASE_URL: must not hold credentials; write them under `credentials`"],
    { variables: { OPENAI_BASE_URL: "https://u:p@x/" } },
  ],
];

for (const [name, document, expected, given] of cases) {
  test(`refused: ${name}`, () => assert.deepEqual(problemsOf(document, given), expected));
}

test("there are bad documents enough, and no name twice", () => {
  assert.ok(cases.length >= 25);
  assert.equal(new Set(cases.map(([name]) => name)).size, cases.length);
});

test("all problems of all kinds come together, in the document's order", () => {
  const document = [
    "server: { port: x }",
    "endpoints:",
    "  - { name: a, type: opnai }",
    "  - { name: a, type: openai }",
    "models:",
    "  - { name: x, targets: [{ endpoint: b, model: ${M} }] }",
  ].join("\n");
  const lines = problemsOf(document.replace("${M}", '"${M}"'));
  assert.deepEqual(
    lines.map((line) => line.split(": ").slice(0, 2).join(" ")),
    [
      "patchbay.yaml:1:17 server.port",
      "patchbay.yaml:3:22 endpoints[0].type",
      "patchbay.yaml:4:13 endpoints[1].name",
      "patchbay.yaml:6:38 models[0].targets[0].endpoint",
      "patchbay.yaml:6:49 models[0].targets[0].model",
    ],
  );
});
