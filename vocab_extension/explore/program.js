"use strict";
// The page itself: what is typed is shown in base and extended tokens, and the new tokens can be searched.

const WORDS = {
  en: {
    loading: "Unpacking the vocabulary …", hint: "Type or paste text", theme: "Light / dark", base: "base", extended: "extended",
    characters: "characters", tokens: "tokens", perToken: "characters per token", gain: "gain", share: "new tokens among them",
    fired: "New tokens in this text", firedCount: "{n} of {m} new tokens, {k} times", none: "none",
    search: "All new tokens", query: "Part of a token, or an id", byId: "by id", byRare: "rarest in the corpus first",
    byLong: "longest first", byHere: "most frequent in this text first", found: "{n} found, {k} shown",
    id: "id", token: "token", count: "in the corpus", documents: "documents", here: "here", bytes: "bytes",
    pieces: "in base tokens", before: "ids around it", within: "tokens within it", around: "tokens that contain it", special: "special token",
    sample: "汉化：让 Llama 3 用更少的词元读中文。Text without Chinese characters is encoded exactly as before.\n這個軟體的設定檔放在哪裡？",
  },
  zh: {
    loading: "正在展开词表……", hint: "输入或粘贴文本", theme: "浅色 / 深色", base: "基座", extended: "扩充后",
    characters: "字符", tokens: "词元", perToken: "每词元字数", gain: "压缩提升", share: "其中新词元",
    fired: "这段文本用到的新词元", firedCount: "{m} 个新词元中用到 {n} 个，共 {k} 次", none: "无",
    search: "全部新词元", query: "词元的一部分，或 id", byId: "按 id", byRare: "语料中少见的在前", byLong: "长的在前",
    byHere: "本文中多的在前", found: "找到 {n} 个，显示 {k} 个",
    id: "id", token: "词元", count: "语料中次数", documents: "文档数", here: "本文次数", bytes: "字节",
    pieces: "由基座词元组成", before: "相邻 id", within: "其中包含的词元", around: "包含它的词元", special: "特殊词元",
  },
};
const MOST_SHOWN = 200;
const settings = JSON.parse(document.getElementById("settings").textContent);
const $ = (id) => document.getElementById(id);
let language = (navigator.language || "").startsWith("zh") ? "zh" : "en";
let tokenizer = null, firedNow = new Map();
const counts = new Map(settings.counts.map(([id, count, documents]) => [id, [count, documents]]));

function say(key, values = {}) {
  const text = WORDS[language][key] ?? WORDS.en[key];
  return text.replace(/\{(\w)\}/g, (_, name) => values[name].toLocaleString("en"));
}

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function tokenMark(id, number) {
  const kind = tokenizer.newIds.has(id) ? "new" : "k" + (number % 4);
  const text = tokenizer.shown(id).replace(/\n/g, "⏎\n").replace(/\t/g, "⇥\t");
  const mark = element("b", text, { class: kind, title: String(id), tabindex: "0", "data-id": id });
  mark.addEventListener("click", () => showDetails(id));
  mark.addEventListener("keydown", (event) => { if (event.key === "Enter") showDetails(id); });
  return mark;
}

function showTokens() {
  const text = $("text").value;
  const ids = { base: tokenizer.encode(text, false), extended: tokenizer.encode(text, true) };
  for (const side of ["base", "extended"]) $(side + "-tokens").replaceChildren(...ids[side].map(tokenMark));
  const fresh = ids.extended.filter((id) => tokenizer.newIds.has(id));
  firedNow = new Map();
  for (const id of fresh) firedNow.set(id, (firedNow.get(id) ?? 0) + 1);
  showCounts([...text].length, ids, fresh.length);
  showFired(fresh.length);
  showList();
}

function showCounts(characters, ids, fresh) {
  const rows = [["", say("base"), say("extended")], [say("tokens"), ids.base.length, ids.extended.length]];
  const per = (n) => (n ? (characters / n).toFixed(3) : "");
  rows.push([say("perToken"), per(ids.base.length), per(ids.extended.length)]);
  const gain = ids.extended.length ? (ids.base.length / ids.extended.length).toFixed(3) + "×" : "";
  rows.push([say("gain"), "", gain], [say("share"), "", fresh], [say("characters"), characters, characters]);
  fillTable($("counts"), rows[0], rows.slice(1));
}

function fillTable(table, heads, rows) {
  const line = (cells, tag) => {
    const row = document.createElement("tr");
    for (const cell of cells) {
      if (cell instanceof Node) { const td = element(tag, "", { class: "tokens" }); td.append(cell); row.append(td); }
      else row.append(element(tag, typeof cell === "number" ? cell.toLocaleString("en") : cell, typeof cell === "number" ? { class: "n" } : {}));
    }
    return row;
  };
  table.replaceChildren(line(heads, "th"), ...rows.map((cells) => line(cells, "td")));
}

function showFired(times) {
  const most = [...firedNow].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  $("fired-count").textContent = say("firedCount", { n: most.length, m: tokenizer.newIds.size, k: times });
  $("fired").replaceChildren(...most.slice(0, MOST_SHOWN).map(([id, number]) => {
    const mark = tokenMark(id, 0);
    mark.append(" ", element("i", "×" + number));
    return mark;
  }));
}

function showList() {
  const query = $("query").value.trim().toLowerCase();
  const count = (id) => counts.get(id)?.[0] ?? 0;
  let ids = [...tokenizer.newIds].filter((id) => !query || String(id) === query || tokenizer.shown(id).toLowerCase().includes(query));
  const orders = {
    id: (a, b) => a - b, rare: (a, b) => count(a) - count(b) || a - b,
    long: (a, b) => tokenizer.bytes(b).length - tokenizer.bytes(a).length || a - b,
    here: (a, b) => (firedNow.get(b) ?? 0) - (firedNow.get(a) ?? 0) || a - b,
  };
  ids.sort(orders[$("order").value]);
  $("found").textContent = say("found", { n: ids.length, k: Math.min(ids.length, MOST_SHOWN) });
  const rows = ids.slice(0, MOST_SHOWN).map((id) => [String(id), tokenMark(id, 0), ...(counts.get(id) ?? ["", ""]), firedNow.get(id) ?? 0]);
  fillTable($("list"), ["id", "token", "count", "documents", "here"].map((key) => say(key)), rows);
}

function showDetails(id) {
  const place = $("details"), list = document.createElement("dl");
  const add = (key, value) => {
    const cell = document.createElement("dd");
    if (Array.isArray(value)) { cell.className = "tokens"; value.forEach((other, i) => cell.append(tokenMark(other, i), " ")); }
    else cell.textContent = value;
    list.append(element("dt", say(key)), cell);
  };
  const bytes = tokenizer.bytes(id), name = tokenizer.names[id];
  add("token", [id]);
  add("id", String(id));
  add("bytes", Array.from(bytes, (b) => b.toString(16).toUpperCase().padStart(2, "0")).join(" "));
  if (tokenizer.added.get(name) === id) add("special", name);
  else if (tokenizer.newIds.has(id)) {
    add("pieces", tokenizer.pieces(id));
    const [count, documents] = counts.get(id) ?? [];
    if (count !== undefined) { add("count", count.toLocaleString("en")); add("documents", documents.toLocaleString("en")); }
    add("before", [id - 3, id - 2, id - 1, id + 1, id + 2, id + 3].filter((other) => tokenizer.newIds.has(other)));
    const related = [...tokenizer.newIds].filter((other) => other !== id);
    add("within", related.filter((other) => name.includes(tokenizer.names[other])).slice(0, 30));
    add("around", related.filter((other) => tokenizer.names[other].includes(name)).slice(0, 30));
  }
  place.replaceChildren(list);
  place.hidden = false;
}

function showWords() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-say]")) node.textContent = say(node.dataset.say);
  for (const node of document.querySelectorAll("[data-hint]")) node.placeholder = say(node.dataset.hint);
  $("language").textContent = language === "zh" ? "English" : "中文";
  $("base-name").textContent = `${say("base")}: ${settings.baseName}`;
  $("extended-name").textContent = `${say("extended")}: ${settings.name}`;
  if (tokenizer) showTokens();
}

$("name").textContent = settings.name;
document.documentElement.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches);
$("theme").addEventListener("click", () => document.documentElement.classList.toggle("dark"));
$("language").addEventListener("click", () => { language = language === "zh" ? "en" : "zh"; showWords(); });
$("query").addEventListener("input", () => showList());
$("order").addEventListener("change", () => showList());
let waiting = 0;
$("text").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(showTokens, 120); });
showWords();
const ready = unpack($("data").textContent).then((data) => {
  tokenizer = new Tokenizer(data, settings);
  $("loading").remove();
  if (!$("text").value) $("text").value = WORDS.en.sample;
  showWords();
});
