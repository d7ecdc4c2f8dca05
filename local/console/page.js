"use strict";

/* The console: asks the local cloud what there is, follows what happens, and sends what a person orders. Whatever comes
   from outside is put into the page as text, never as markup. */

const SERVICES = { media: "media API", cos: "COS", ci: "CI", scf: "SCF's API" };
const SHOWN = 200;

const byId = (id) => document.getElementById(id);
const activities = new Map();
const changed = new Set();
let samples = [];
let chosen = null;

function element(tag, text = "", properties = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  Object.assign(made, properties);
  return made;
}

function row(...cells) {
  const made = element("tr");
  for (const cell of cells) made.append(cell instanceof HTMLTableCellElement ? cell : inCell(cell));
  return made;
}

function inCell(content, className = "") {
  const cell = element("td", "", { className });
  cell.append(...[content].flat());
  return cell;
}

function button(text, pressed, label = text) {
  const made = element("button", text, { type: "button", onclick: pressed });
  if (label !== text) made.setAttribute("aria-label", label);
  return made;
}

async function ask(path, options = {}) {
  const response = await fetch(`/_local/${path}`, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error || `HTTP ${response.status}`);
  return answer;
}

const post = (path, body) => ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body });

/* A form or button that does something says how that went. */
async function doing(output, work) {
  output.className = "";
  output.textContent = "…";
  try {
    output.textContent = await work();
    output.className = "good";
  } catch (error) {
    output.textContent = error.message;
    output.className = "bad";
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;  // no JSON: a table, a page, or a text that was cut
  }
}

// What happens

/* Only what has changed is drawn anew, so that nothing is pulled away from under the pointer. */
function showActivities() {
  const rows = byId("activities");
  for (const number of [...changed].sort((one, other) => one - other)) {
    const drawn = activityRow(activities.get(number));
    drawn.id = `activity-${number}`;
    const old = byId(drawn.id);
    if (old) old.replaceWith(drawn);
    else rows.prepend(drawn);
  }
  changed.clear();
  while (rows.children.length > SHOWN) {
    activities.delete(Number(rows.lastChild.id.slice("activity-".length)));
    rows.lastChild.remove();
  }
  byId("activities-none").hidden = rows.children.length > 0;
  byId("activity-count").textContent = rows.children.length ? `${rows.children.length} newest` : "";
}

function take(activity) {
  activities.set(activity.number, activity);
  changed.add(activity.number);
}

function activityRow(activity) {
  const time = new Date(activity.began * 1000).toLocaleTimeString();
  const what = button(activity.route, () => showDetail(activity), `Show ${activity.route}`);
  what.className = "row";
  const works = activity.status === 0;
  const status = inCell(works ? "running" : String(activity.status), activity.status < 400 ? "good" : "bad");
  const cold = typeof activity.initMs === "number";
  const start = activity.requestId ? (cold ? `cold ${Math.round(activity.initMs)} ms` : "warm") : "";
  return row(
    inCell(element("time", time)), what, status, inCell(works ? "" : String(Math.round(activity.ms)), "number"),
    inCell(start, cold ? "slow plain" : "plain"), inCell(activity.memoryMb ? activity.memoryMb.toFixed(0) : "", "number"),
  );
}

function showDetail(activity) {
  chosen = activity;
  byId("detail").hidden = false;
  byId("detail-title").textContent = `${activity.route} ${activity.requestId || ""}`;
  byId("detail-event").textContent = activity.function ? activity.event : "no function was invoked";
  byId("detail-reply").textContent = activity.status ? pretty(activity.reply) : "running";
  byId("detail-log").textContent = (activity.log || []).join("\n");
  byId("detail-again").hidden = !activity.function;
}

function sendAgain() {
  const functions = byId("send-function");
  functions.value = chosen.function;
  if (!functions.value) functions.append(element("option", chosen.function, { selected: true }));  // a deployed one
  byId("send-event").value = chosen.event;
  byId("send").scrollIntoView();
  byId("send-event").focus();
}

function follow() {
  const events = new EventSource("/_local/events");
  const connection = byId("connection");
  events.onopen = async () => {
    activities.clear();
    const listed = await ask("activities");  // what was missed is in the list
    const newer = [...activities.values()];  // what has come while it was on its way
    byId("activities").replaceChildren();
    [...listed, ...newer].forEach(take);
    showActivities();
    connection.textContent = "live";
    connection.className = "live";
    refresh();
  };
  events.onerror = () => {
    connection.textContent = "not connected; trying again";
    connection.className = "lost";
  };
  events.onmessage = (message) => {
    const activity = JSON.parse(message.data);
    take(activity);
    soon(showActivities);
    if (activity.number === chosen?.number) showDetail(activity);
    if (activity.status) soon(refresh);
  };
}

/* Many changes at once are drawn once. */
const waiting = new Set();
function soon(work) {
  if (waiting.has(work)) return;
  waiting.add(work);
  setTimeout(() => { waiting.delete(work); work(); }, 250);
}

// What there is

async function showProject() {
  const project = await ask("project");
  byId("name").textContent = project.name;
  document.title = `${project.name} · local cloud`;
  samples = project.samples;
  byId("function-rows").replaceChildren(...project.functions.map((each) => functionRow(each, timerLine)));
  byId("send-function").replaceChildren(...project.functions.map((each) => element("option", each.name)));
  byId("send-sample").append(...samples.map((each) => element("option", each.name)));
}

/* What is deployed comes and goes while the page is open. Its timers are not fired by hand: `fire` knows the project's. */
async function showDeployed() {
  const deployed = await ask("deployed");
  byId("deployed-rows").replaceChildren(...deployed.map((each) => functionRow(each, timerText)));
}

function functionRow(each, timerShown) {
  const triggers = inCell([]);
  for (const api of each.apis) triggers.append(element("div", `API ${api}`));
  for (const url of each.urls) triggers.append(urlLine(url));
  for (const timer of each.timers) triggers.append(timerShown(timer));
  return row(each.name, each.handler, each.runtime, `${each.memory} MB, ${each.timeout} s`, triggers);
}

function urlLine(url) {
  const line = element("div", "URL ");
  line.append(element("a", url, { href: url }));
  return line;
}

function timerText(timer) {
  return element("div", `timer ${timer.name} (${timer.cron}${timer.enabled ? "" : ", closed"}) `);
}

function timerLine(timer) {
  const line = timerText(timer);
  const output = element("output");
  const fire = () => doing(output, async () => {
    const outcome = await post(`fire/${encodeURIComponent(timer.name)}`, "null");
    if (outcome.error) throw new Error(outcome.error.errorMessage);
    return "done";
  });
  line.append(button("Fire", fire, `Fire ${timer.name}`), " ", output);
  return line;
}

async function refresh() {
  await Promise.all([showDeployed(), showTasks(), showObjects(), showFaults(), showCalls()]);
}

async function showTasks() {
  const tasks = await ask("services/media/tasks");
  byId("task-rows").replaceChildren(...tasks.map((task) => {
    const steps = (task.timeline || []).map((step) => {
      const { after, ...fields } = step;
      const status = "status" in fields ? `status ${fields.status}` : Object.keys(fields).join(", ");
      return `${status} in ${Math.ceil(after)} s`;
    });
    return row(task.action, element("code", task.vid), inCell(String(task.status ?? ""), "number"), steps.join("; "));
  }));
}

async function showObjects() {
  const objects = await ask("objects");
  byId("objects-none").hidden = objects.length > 0;
  byId("object-rows").replaceChildren(...objects.map((each) => {
    const path = `objects/${each.bucket}/${encodeURIComponent(each.key)}`;
    const link = element("a", "Download", { href: `/_local/${path}`, download: each.key.split("/").pop() });
    const remove = async () => { await ask(path, { method: "DELETE" }); await showObjects(); };
    const actions = inCell([
      button("Read", () => readObject(path), `Read ${each.key}`), " ", link, " ", button("Delete", remove, `Delete ${each.key}`),
    ], "plain");
    return row(inCell(each.bucket, "plain"), element("code", each.key), inCell(String(each.size), "number"), inCell(new Date(each.modified * 1000).toLocaleString(), "plain"), actions);
  }));
}

async function readObject(path) {
  const content = byId("object-content");
  content.textContent = pretty(await (await fetch(`/_local/${path}`)).text());
  content.hidden = false;
  content.scrollIntoView({ block: "nearest" });
}

async function showFaults() {
  const lines = [];
  for (const service of Object.keys(SERVICES)) {
    for (const fault of await ask(`services/${service}/faults`)) {
      const value = fault.value === undefined ? "" : ` ${fault.value}`;
      const times = fault.times === undefined ? "" : `, ${fault.times} times more`;
      lines.push(element("li", `${SERVICES[service]}: ${fault.kind}${value}, rate ${fault.rate}${times}`));
    }
  }
  byId("fault-rows").replaceChildren(...lines);
}

async function showCalls() {
  const rows = [];
  for (const service of Object.keys(SERVICES)) {
    const calls = await ask(`services/${service}/calls`);
    for (const [action, count] of Object.entries(calls)) rows.push(row(SERVICES[service], action, inCell(String(count), "number")));
  }
  byId("call-rows").replaceChildren(...rows);
}

// What a person orders

function chooseSample() {
  const sample = samples.find((each) => each.name === byId("send-sample").value);
  if (!sample) return;
  byId("send-function").value = sample.function;
  byId("send-event").value = JSON.stringify(sample.event, null, 2);
}

function sendEvent(submitted) {
  submitted.preventDefault();
  doing(byId("send-result"), async () => {
    JSON.parse(byId("send-event").value);
    const outcome = await post(`invoke/${encodeURIComponent(byId("send-function").value)}`, byId("send-event").value);
    if (outcome.error) throw new Error(outcome.error.errorMessage);
    return `done in ${Math.round(outcome.duration_ms)} ms`;
  });
}

function addTask(submitted) {
  submitted.preventDefault();
  doing(byId("task-result"), async () => {
    const answer = await post("services/media/tasks", byId("task-spec").value);
    await showTasks();
    return `${answer.tasks} added`;
  });
}

function addFault(submitted) {
  submitted.preventDefault();
  doing(byId("fault-result"), async () => {
    const path = `services/${byId("fault-service").value}/faults`;
    const [kind, text] = [byId("fault-kind").value, byId("fault-value").value.trim()];
    const value = text === "" ? null : (Number.isNaN(Number(text)) ? text : Number(text));
    const fault = { kind, value, rate: Number(byId("fault-rate").value) };
    if (byId("fault-times").value) fault.times = Number(byId("fault-times").value);
    await post(path, JSON.stringify([...(await ask(path)), fault]));
    await showFaults();
    return "added";
  });
}

function clearFaults() {
  doing(byId("fault-result"), async () => {
    for (const service of Object.keys(SERVICES)) await post(`services/${service}/faults`, "[]");
    await showFaults();
    return "cleared";
  });
}

byId("fault-service").append(...Object.entries(SERVICES).map(([value, text]) => element("option", text, { value })));
byId("detail-again").onclick = sendAgain;
byId("send-sample").onchange = chooseSample;
byId("send-form").onsubmit = sendEvent;
byId("task-form").onsubmit = addTask;
byId("fault-form").onsubmit = addFault;
byId("fault-clear").onclick = clearFaults;
showProject().then(follow);
