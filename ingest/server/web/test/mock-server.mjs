/**
 * Serves dist/ and a moving mock of the centre's interface, under a content policy no wider than
 * the centre's own. `node test/mock-server.mjs` listens on 127.0.0.1 at PORT (default 8090).
 */
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MockCentre } from './mock-centre.mjs';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const MAX_BODY_BYTES = 16_384;

export const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  'worker-src blob:',
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

/** Starts on a port of the system's choice unless told one. */
export async function startMock(port = 0) {
  const centre = new MockCentre(Date.now());
  const feeds = new Set();
  const server = createServer((request, response) => {
    response.setHeader('content-security-policy', CONTENT_POLICY);
    response.setHeader('x-content-type-options', 'nosniff');
    answer(centre, feeds, request, response).catch((error) => json(response, 500, { error: String(error) }));
  });
  const ticker = setInterval(() => {
    const ms = Date.now();
    broadcast(feeds, 'diff', { time: iso(ms), stations: centre.stations(ms), latest: centre.latest(ms) });
  }, 1000);
  const heart = setInterval(() => broadcast(feeds, 'hb', { time: iso(Date.now()) }), 5000);
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    /** Ends every live feed, as a restart of the centre would; new ones are accepted. */
    dropFeeds: () => feeds.forEach((feed) => feed.destroy()),
    async stop() {
      clearInterval(ticker);
      clearInterval(heart);
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function answer(centre, feeds, request, response) {
  const ms = Date.now();
  const { pathname, searchParams } = new URL(request.url, 'http://mock');
  const deed = /^\/api\/v1\/alarms\/([^/]+)\/(ack|shelve|approve|reject|all-clear)$/.exec(pathname);
  if (request.method === 'POST' && deed) {
    const verb = deed[2] === 'all-clear' ? 'allClear' : deed[2];
    const alarm = centre[verb](decodeURIComponent(deed[1]), await body(request), ms);
    if (!alarm) return json(response, 404, { error: 'There is no such alarm.', fix: 'Reload the list.' });
    broadcast(feeds, 'alarm', alarm);
    return json(response, 200, alarm);
  }
  if (request.method === 'POST' && pathname === '/api/v1/drills') {
    const alarm = centre.drill(await body(request), ms);
    broadcast(feeds, 'alarm', alarm);
    return json(response, 201, alarm);
  }
  if (/^\/api\/v1\/alarms\/[^/]+\/receipts$/.test(pathname)) return json(response, 200, centre.receipts());
  switch (pathname) {
    case '/api/v1/drills':
      return json(response, 200, centre.drillable());
    case '/api/v1/foreign-alerts':
      return json(response, 200, centre.foreign(ms));
    case '/api/v1/live':
      return openFeed(centre, feeds, response, ms);
    case '/api/v1/stations':
      return json(response, 200, centre.stations(ms));
    case '/api/v1/latest':
      return json(response, 200, centre.latest(ms));
    case '/api/v1/alarms':
      return json(response, 200, centre.alarms());
    case '/api/v1/history': {
      const history = centre.history(searchParams, ms);
      if (!history) return json(response, 404, { error: 'There is no such datastream.' });
      return json(response, 200, history);
    }
    default:
      return file(pathname, response);
  }
}

function openFeed(centre, feeds, response, ms) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  feeds.add(response);
  response.on('close', () => feeds.delete(response));
  frame(response, 'snapshot', { time: iso(ms), stations: centre.stations(ms), latest: centre.latest(ms), alarms: centre.alarms() });
}

function broadcast(feeds, event, data) {
  for (const feed of feeds) frame(feed, event, data);
}

function frame(response, event, data) {
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

async function file(pathname, response) {
  const name = normalize(pathname === '/' ? '/index.html' : pathname);
  try {
    const content = await readFile(join(DIST, name));
    response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' });
    response.end(content);
  } catch {
    json(response, 404, { error: `There is no ${name}.`, fix: 'Run `npm run build` first.' });
  }
}

async function body(request) {
  let text = '';
  for await (const part of request) {
    text += part;
    if (text.length > MAX_BODY_BYTES) throw new Error('body too large');
  }
  return JSON.parse(text);
}

function json(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

function iso(ms) {
  return new Date(ms).toISOString();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startMock(Number(process.env.PORT ?? 8090));
  console.log(`mock centre at ${url}`);
}
