/**
 * What is shown stands in the address: #/view/id?parameters. Ids may hold anything, so they are
 * encoded; parameters with their default value are left out.
 */

/** The route of an address' hash: {view, id, params}. */
export function parse(hash) {
  const [path, query = ""] = split(hash.replace(/^#\/?/, ""), "?");
  const [view, id = ""] = split(path, "/");
  return { view: view || "home", id: decoded(id), params: new URLSearchParams(query) };
}

/** The hash of a route. Lists in `params` are repeated; null and "" are left out. */
export function href(view, id = "", params = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const one of [value].flat()) {
      if (one !== null && one !== undefined && one !== "") query.append(name, one);
    }
  }
  const path = view === "home" ? "#/" : `#/${view}${id ? `/${encodeURIComponent(id)}` : ""}`;
  return query.size ? `${path}?${query}` : path;
}

/** Goes there; `replace` leaves no entry to come back to. */
export function go(to, { replace = false } = {}) {
  if (!replace) location.hash = to;
  else location.replace(to);
}

function split(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
