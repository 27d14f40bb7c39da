/*
 * What Redis does for us, as Lua that it runs in one piece. Written for Redis 5 and later; a replica's clock has no say,
 * only the server's does. All keys have one hash tag.
 *
 * A sliding window is a hash: `n` the newest step, `s` the sum, and the amount of each step by its number, as `Window`
 * has them. A day or month of the calendar is a hash of `n`, when it began, and `s`.
 *
 * Seats are a hash: by replica what it holds, and since when it waits and asked for the last time.
 */

/** Milliseconds without a beat after which a replica is taken for dead, and its seats for free. */
export const replicaLife = 3000;

const common = `
local function timeOf(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function text(number) return string.format('%.0f', number) end

-- Brings a count to this time. A step of 0 is a period of the calendar.
local function open(key, step, length, begin, now)
  local state = redis.call('HMGET', key, 'n', 's')
  local newest, sum = tonumber(state[1]), tonumber(state[2]) or 0
  local current = step == 0 and begin or math.floor(now / step)
  if newest and newest >= current then return newest, sum end
  if not newest or step == 0 or sum == 0 or current - newest >= length then
    redis.call('DEL', key)
    sum = 0
  else
    local gone = {}
    for old = newest + 1 - length, current - length do gone[#gone + 1] = text(old) end
    for _, amount in ipairs(redis.call('HMGET', key, unpack(gone))) do sum = sum - (tonumber(amount) or 0) end
    redis.call('HDEL', key, unpack(gone))
  end
  redis.call('HSET', key, 'n', text(current), 's', text(sum))
  return current, sum
end

-- Adds an amount to a place. Nothing is taken back that is not there.
local function put(key, step, length, finish, now, newest, sum, place, amount)
  if step == 0 then
    if place ~= newest then return sum end
    amount = math.max(amount, -sum)
  else
    if place > newest then place = newest end
    if place <= newest - length then return sum end
    local had = tonumber(redis.call('HGET', key, text(place))) or 0
    amount = math.max(amount, -had)
    redis.call('HSET', key, text(place), text(had + amount))
  end
  redis.call('HSET', key, 's', text(sum + amount))
  redis.call('PEXPIRE', key, text(step == 0 and math.max(finish - now, 0) + 86400000 or step * (length + 1)))
  return sum + amount
end

-- What others hold of some seats, since when the first of them waits, and what is known of this replica.
local function seats(key, replicas, me, now)
  local held, first, own = 0, math.huge, { held = 0, since = 0, last = 0 }
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local has, since, last = string.match(all[i + 1], '^(%d+) (%d+) (%d+)$')
    if all[i] == me then
      own = { held = tonumber(has), since = tonumber(since), last = tonumber(last) }
      if now - own.last >= 1000 then own.since = 0 end
    elseif now - (tonumber(redis.call('ZSCORE', replicas, all[i]) or 0)) > ${replicaLife} then
      redis.call('HDEL', key, all[i])
    else
      held = held + tonumber(has)
      if tonumber(since) > 0 and now - tonumber(last) < 1000 then first = math.min(first, tonumber(since)) end
    end
  end
  return held, first, own
end

local function seat(key, me, held, since, last)
  if held == 0 and since == 0 then
    redis.call('HDEL', key, me)
  else
    redis.call('HSET', key, me, text(held) .. ' ' .. text(since) .. ' ' .. text(last))
    redis.call('PEXPIRE', key, '60000')
  end
end
`;

/**
 * Counts all wants and takes all seats, or none. KEYS: epoch, replicas, counts, seats. ARGV: epoch, time, replica, number
 * of counts, number of seats; for each count its step, length, begin, end, limit and amount; for each seat the most
 * that all may hold. Gives -1 when the epoch is over; 1 and the time, and for each count its
 * place and sum; or 0 and the time, which one refused, for how long (-1 for ever), and the sums.
 */
export const reserve = `${common}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { -1 } end
local now, me = timeOf(ARGV[2]), ARGV[3]
local counts, places = tonumber(ARGV[4]), tonumber(ARGV[5])
local all, held, longest, refused = {}, {}, 0, 0

local function waitOf(key, want, newest, sum)
  local excess = sum + want.amount - want.limit
  if excess <= 0 then return 0 end
  if want.step == 0 then
    return want.amount > want.limit and math.huge or math.max(1, want.finish - now)
  end
  local fields = {}
  for step = newest - want.length + 1, newest do fields[#fields + 1] = text(step) end
  for i, amount in ipairs(redis.call('HMGET', key, unpack(fields))) do
    excess = excess - (tonumber(amount) or 0)
    if excess <= 0 then return (newest + i) * want.step - now end
  end
  return math.huge
end

for i = 1, counts do
  local at = 5 + (i - 1) * 6
  local want = {
    step = tonumber(ARGV[at + 1]), length = tonumber(ARGV[at + 2]), begin = tonumber(ARGV[at + 3]),
    finish = tonumber(ARGV[at + 4]), limit = tonumber(ARGV[at + 5]), amount = tonumber(ARGV[at + 6]),
  }
  want.newest, want.sum = open(KEYS[2 + i], want.step, want.length, want.begin, now)
  all[i] = want
  local wait = waitOf(KEYS[2 + i], want, want.newest, want.sum)
  if wait > longest then longest, refused = wait, i end
end

if refused == 0 and places > 0 then
  local replicas = math.max(1, redis.call('ZCOUNT', KEYS[2], text(now - ${replicaLife}), '+inf'))
  for i = 1, places do
    local key, most = KEYS[2 + counts + i], tonumber(ARGV[5 + counts * 6 + i])
    local others, first, own = seats(key, KEYS[2], me, now)
    local since = own.since > 0 and own.since or now
    held[i] = own.held + 1
    -- Who has more than its share gives way to who has waited for longer.
    if others + held[i] > most or (first < since and held[i] > math.floor(most / replicas)) then
      refused = counts + i
      seat(key, me, own.held, since, now)
      break
    end
  end
end

if refused > 0 then
  local reply = { 0, now, refused, longest == math.huge and -1 or longest }
  for i = 1, counts do reply[4 + i] = all[i].sum end
  return reply
end

local reply = { 1, now }
for i = 1, counts do
  local want = all[i]
  local sum = put(KEYS[2 + i], want.step, want.length, want.finish, now, want.newest, want.sum, want.newest, want.amount)
  reply[#reply + 1] = want.newest
  reply[#reply + 1] = sum
end
for i = 1, places do seat(KEYS[2 + counts + i], me, held[i], 0, 0) end
return reply
`;

/**
 * Adds to counts, or takes away, and gives one of each seat back. KEYS: epoch, replicas, counts, seats. ARGV: epoch, time,
 * replica, number of counts, number of seats; for each count its step, length, begin, end, place and amount. Gives -1
 * when the epoch is over, else 1, the time and the sums.
 */
export const add = `${common}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { -1 } end
local now, me = timeOf(ARGV[2]), ARGV[3]
local counts, places = tonumber(ARGV[4]), tonumber(ARGV[5])
local reply = { 1, now }
for i = 1, counts do
  local at = 5 + (i - 1) * 6
  local key, step, length, finish = KEYS[2 + i], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 4])
  local newest, sum = open(key, step, length, tonumber(ARGV[at + 3]), now)
  reply[2 + i] = put(key, step, length, finish, now, newest, sum, tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6]))
end
for i = 1, places do
  local key = KEYS[2 + counts + i]
  local _, _, own = seats(key, KEYS[2], me, now)
  seat(key, me, math.max(0, own.held - 1), own.since, own.last)
end
return reply
`;

/**
 * Says that a replica lives, what it holds and whom it found to need a pause; hears what others found. KEYS: epoch,
 * replicas, pauses, their version, seats. ARGV: time, replica, epoch to begin if there is none (or nothing), version
 * that is known, number of seats; for each what is held; for each pause its text and how long it has left. Gives the
 * epoch, the time, how many replicas live, the version and, if it is another, each pause with what it has left.
 */
export const beat = `${common}
local now, me = timeOf(ARGV[1]), ARGV[2]
if ARGV[3] ~= '' then redis.call('SET', KEYS[1], ARGV[3], 'NX') end
redis.call('PEXPIRE', KEYS[1], '3456000000')
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. text(now - ${replicaLife}))
redis.call('ZADD', KEYS[2], text(now), me)
redis.call('PEXPIRE', KEYS[2], '60000')
local places = tonumber(ARGV[5])
for i = 1, places do
  local _, _, own = seats(KEYS[4 + i], KEYS[2], me, now)
  seat(KEYS[4 + i], me, tonumber(ARGV[5 + i]), own.since, own.last)
end
for i = 6 + places, #ARGV, 2 do
  local finish = now + tonumber(ARGV[i + 1])
  if (tonumber(redis.call('ZSCORE', KEYS[3], ARGV[i])) or 0) < finish then
    redis.call('ZADD', KEYS[3], text(finish), ARGV[i])
    redis.call('INCR', KEYS[4])
  end
end
if #ARGV > 5 + places then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now))
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1001)
  redis.call('PEXPIRE', KEYS[3], '172800000')
  redis.call('PEXPIRE', KEYS[4], '172800000')
end
local version = redis.call('GET', KEYS[4]) or ''
local reply = { redis.call('GET', KEYS[1]) or '', now, redis.call('ZCARD', KEYS[2]), version }
if version ~= ARGV[4] then
  local pauses = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. text(now), '+inf', 'WITHSCORES')
  for i = 1, #pauses, 2 do
    reply[#reply + 1] = pauses[i]
    reply[#reply + 1] = tonumber(pauses[i + 1]) - now
  end
end
return reply
`;

/** A replica ends. KEYS: replicas. ARGV: replica. */
export const leave = "return redis.call('ZREM', KEYS[1], ARGV[1])";

/** Whether a reply is one that the script gives to these values of ARGV: what answers need not be Redis, or not ours. */
export function isReply(
  script: "reserve" | "add" | "beat" | "leave",
  values: readonly string[],
  reply: unknown,
): boolean {
  if (script === "leave") return true;
  if (!Array.isArray(reply)) return false;
  const parts = reply as readonly unknown[];
  if (script === "beat") {
    const [epoch, time, replicas, version] = parts;
    return [epoch, version].every((each) => typeof each === "string") && [time, replicas].every(Number.isFinite);
  }
  if (!parts.every(Number.isFinite)) return false;
  const [word, , index] = parts as readonly number[];
  const [counts, seats] = [Number(values[3]), Number(values[4])];
  if (word === -1) return true;
  if (script === "add") return word === 1 && parts.length === 2 + counts;
  if (word === 1) return parts.length === 2 + 2 * counts;
  return word === 0 && parts.length === 4 + counts && index !== undefined && index >= 1 && index <= counts + seats;
}
