// Draws /openapi.json: one <details> an operation. Text reaches the page as text nodes only.
"use strict";

const methods = ["get", "put", "post", "patch", "delete"];
const maxDepth = 6; // a schema may contain itself

let api;

function element(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children.filter((child) => child !== ""));
  return e;
}

// resolve follows a $ref such as #/components/schemas/Order.
function resolve(schema) {
  if (!schema || !schema.$ref) return schema || {};
  return resolve(schema.$ref.slice(2).split("/").reduce((at, key) => at[key], api));
}

function typeOf(schema) {
  const types = [schema.type || "any"].flat().map((type) =>
    type === "array" ? `array of ${typeOf(resolve(schema.items))}` : type);
  return types.join(" or ") + (schema.format ? ` (${schema.format})` : "");
}

// limitsOf says in words what a value must keep to.
function limitsOf(schema) {
  const limits = [];
  const range = (low, high, unit) => {
    const number = (n) => n.toLocaleString("en-US").replaceAll(",", "\u202f");
    if (low !== undefined && high !== undefined) limits.push(`${number(low)} to ${number(high)}${unit}`);
    else if (low !== undefined) limits.push(`at least ${number(low)}${unit}`);
    else if (high !== undefined) limits.push(`at most ${number(high)}${unit}`);
  };
  range(schema.minimum, schema.maximum, "");
  range(schema.minLength, schema.maxLength, " characters");
  range(schema.minItems, schema.maxItems, " items");
  if (schema.pattern) limits.push(`matches ${schema.pattern}`);
  if (schema.enum) limits.push(`one of ${schema.enum.join(", ")}`);
  if (schema.default !== undefined) limits.push(`default ${schema.default}`);
  return limits.join("; ");
}

function row(name, schema, required, text) {
  const notes = [text, limitsOf(schema)].filter(Boolean).join(" · ");
  return element("li", {},
    element("code", {}, name), " ",
    element("span", { class: "type" }, typeOf(schema)),
    required ? element("span", { class: "required" }, " required") : "",
    notes ? element("div", { class: "notes" }, notes) : "");
}

// fields lists a body's fields flat, by path: items[].sku.
function fields(schema, path = "", depth = 0) {
  schema = resolve(schema);
  if (depth > maxDepth) return [];
  if (schema.type === "array" || schema.type?.includes?.("array")) return fields(schema.items, `${path}[]`, depth + 1);
  return Object.entries(schema.properties || {}).flatMap(([name, property]) => {
    const here = path ? `${path}.${name}` : name;
    const value = resolve(property);
    return [
      row(here, value, schema.required?.includes(name), property.description || value.description),
      ...fields(value, here, depth + 1),
    ];
  });
}

function list(heading, rows) {
  return rows.length ? element("div", {}, element("h3", {}, heading), element("ul", {}, ...rows)) : "";
}

// example is the smallest value that a schema allows, as far as it says.
function example(schema, depth = 0) {
  schema = resolve(schema);
  const given = schema.examples?.[0] ?? schema.example ?? schema.default ?? schema.enum?.[0];
  if (given !== undefined || depth > maxDepth) return given ?? null;
  switch ([schema.type].flat()[0]) {
    case "object":
      return Object.fromEntries((schema.required || []).map((name) => [name, example(schema.properties[name], depth + 1)]));
    case "array": return [example(schema.items, depth + 1)];
    case "integer": case "number": return schema.minimum || 1;
    case "boolean": return true;
    default: return "string";
  }
}

const quote = (text) => `'${String(text).replaceAll("'", `'\\''`)}'`;

function curl(method, path, operation) {
  const value = (parameter) => parameter.example ?? example(parameter.schema);
  const needed = (where) => (operation.parameters || []).filter((p) => p.in === where && p.required);
  const query = needed("query").map((p) => `${p.name}=${encodeURIComponent(value(p))}`).join("&");
  const lines = [`curl -i${method === "get" ? "" : ` -X ${method.toUpperCase()}`} ${quote(location.origin + path + (query && `?${query}`))}`];
  for (const p of needed("header")) lines.push(`-H ${quote(`${p.name}: ${value(p)}`)}`);
  const body = operation.requestBody?.content?.["application/json"];
  if (body) lines.push("-H 'Content-Type: application/json'", `-d ${quote(JSON.stringify(example(body.schema), null, 2))}`);
  return lines.join(" \\\n  ");
}

function response(status, { description, content, headers }) {
  const [type, body] = Object.entries(content || {})[0] || [];
  const rows = [
    ...Object.entries(headers || {}).map(([name, header]) => row(name, resolve(header.schema), false, header.description || "header")),
    ...fields(body?.schema),
  ];
  const name = `${status === "default" ? "otherwise" : status} ${description || ""}`;
  if (!rows.length) return element("p", {}, name);
  return element("details", {},
    element("summary", {}, name, " ", element("span", { class: "type" }, type || "")),
    element("ul", {}, ...rows));
}

function operationOf(method, path, operation) {
  const id = operation.operationId || `${method}-${path}`;
  return element("details", { class: "operation", id },
    element("summary", {},
      element("span", { class: `method ${method}` }, method.toUpperCase()), " ",
      element("code", { class: "path" }, path), " ",
      element("span", { class: "summary" }, operation.summary || "")),
    operation.description ? element("p", {}, operation.description) : "",
    list("Parameters", (operation.parameters || []).map((p) =>
      row(p.name, resolve(p.schema), p.required, [`in ${p.in}`, p.description].filter(Boolean).join(" · ")))),
    list("Request body", fields(operation.requestBody?.content?.["application/json"]?.schema)),
    element("h3", {}, "Responses"),
    ...Object.entries(operation.responses || {}).map(([status, r]) => response(status, r)),
    element("h3", {}, "Example"),
    element("pre", { tabindex: "0" }, curl(method, path, operation)));
}

async function show() {
  const operations = document.getElementById("operations");
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    api = await answer.json();
  } catch (err) {
    operations.append(element("p", { role: "alert" }, `/openapi.json could not be loaded (${err.message}); reload the page once the server is up.`));
    return;
  }
  document.title = api.info.title;
  document.getElementById("title").append(" ", element("small", {}, api.info.version));
  document.getElementById("title").firstChild.data = api.info.title;
  document.getElementById("description").textContent = api.info.description || "";
  for (const [path, item] of Object.entries(api.paths || {})) {
    for (const method of methods) {
      if (item[method]) operations.append(operationOf(method, path, item[method]));
    }
  }
  const wanted = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (wanted) { wanted.open = true; wanted.scrollIntoView(); }
}

show();
