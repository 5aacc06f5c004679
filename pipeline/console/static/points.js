// What GET /v1/search/points tells becomes columns that can be drawn: each point has a lane, a row in it, and a risk.
"use strict";

const COLUMNS = ["time", "event_id", "kind", "actor", "actor_kind", "action", "session", "credential", "risk"];
const LANES = ["human", "agent", "credential", "cloud"];
const LANE_OF = { prompt: 0, tool_call: 1, token_issuance: 2, cloud_audit: 3 };
// Rows of one lane: each name has its own while they are few; of many the most frequent, and one for the others.
const MOST_ROWS = 6;

function shortened(text, most) {
  const shown = inert(text.slice(0, most * 2));
  return shown.length > most ? `${shown.slice(0, most - 1)}…` : shown;
}

class Points {
  constructor(columns) {
    const order = Points.inOrder(columns.time);
    this.length = order.length;
    this.columns = columns;
    this.order = order;
    this.times = Float64Array.from(order, (at) => columns.time[at]);
    this.risks = Float32Array.from(order, (at) => columns.risk[at]);
    this.lanes = Uint8Array.from(order, (at) => Points.lane(columns.kind[at], columns.action[at], columns.actor_kind[at]));
    this.setRows();
  }

  // Indices by time; as they are if the server gave them in order.
  static inOrder(times) {
    const order = Uint32Array.from(times, (_, at) => at);
    for (let at = 1; at < times.length; at++) {
      if (times[at] < times[at - 1]) return order.sort((one, other) => times[one] - times[other] || one - other);
    }
    return order;
  }

  // What an agent answers is the agent's, though it stands in the same log as what a person asked.
  static lane(kind, action, actorKind) {
    if (kind === "prompt" && action !== "user_message" && actorKind && actorKind !== "human") return 1;
    return LANE_OF[kind] ?? 3;
  }

  setRows() {
    const names = LANES.map(() => new Map());
    for (let at = 0; at < this.length; at++) {
      const theirs = names[this.lanes[at]];
      const name = this.name(at);
      theirs.set(name, (theirs.get(name) ?? 0) + 1);
    }
    this.rows = [];
    const places = names.map((theirs, lane) => {
      const known = [...theirs].sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1));
      const own = known.length > MOST_ROWS ? known.slice(0, MOST_ROWS - 1) : known;
      const place = new Map();
      for (const [name] of own) {
        place.set(name, this.rows.length);
        this.rows.push({ lane, name });
      }
      if (known.length > own.length) this.rows.push({ lane, name: null, others: known.length - own.length });
      else if (!known.length) this.rows.push({ lane, name: "" });
      return place;
    });
    this.row = new Uint16Array(this.length);
    const last = LANES.map((_, lane) => this.rows.findLastIndex((row) => row.lane === lane));
    for (let at = 0; at < this.length; at++) {
      const lane = this.lanes[at];
      this.row[at] = places[lane].get(this.name(at)) ?? last[lane];
    }
  }

  // Whose row a point is in: that of the credential that was used for an issuance, else that of the actor.
  name(at) {
    const index = this.order[at];
    const { actor, credential } = this.columns;
    return (this.lanes[at] === 2 && credential[index]) || actor[index] || "unknown";
  }

  get(at) {
    const index = this.order[at];
    return Object.fromEntries(COLUMNS.map((name) => [name, this.columns[name][index]]));
  }

  // The first point that is not before a time.
  from(time) {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.times[middle] < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
