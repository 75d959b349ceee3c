'use strict';
// Shows the masks of MASKS, a page at a time. Names are data: they become text, never markup.
(() => {
  const PER_PAGE = 60;
  const find = id => document.getElementById(id);
  const [NAME, FILE, LABELS, SCORE, REASON, QUALITY, OF_CLASS] = [0, 1, 2, 3, 4, 5, 6];
  const unit = MASKS.measure;
  let chosen = [];
  let page = 0;

  const element = (kind, text, parent) => {
    const made = document.createElement(kind);
    made.textContent = text;
    parent.append(made);
    return made;
  };
  const hasClass = (row, k) => row[LABELS].includes(k) || k in row[OF_CLASS];
  const qualityOf = (row, k) => (k === null ? row[QUALITY] : row[OF_CLASS][k] ?? null);
  const classOf = () => (find('class').value === '' ? null : Number(find('class').value));

  MASKS.classes.forEach((name, k) => {
    const number = MASKS.images.filter(row => hasClass(row, k)).length;
    if (number) element('option', `${name} (${number})`, find('class')).value = k;
  });

  function choose() {
    const k = classOf();
    const [low, high] = [Number(find('from').value), Number(find('to').value || 100)];
    const part = find('name').value.toLowerCase();
    // images without a value are shown until somebody asks for some values
    const all = low <= 0 && high >= 100;
    chosen = MASKS.images.filter(row => {
      const quality = qualityOf(row, k);
      const fits = quality === null ? all : low <= quality && quality <= high;
      return fits && (k === null || hasClass(row, k)) && row[NAME].toLowerCase().includes(part);
    });
    const order = find('order').value;
    const byName = (a, b) => (a[NAME] < b[NAME] ? -1 : 1);
    const number = (row, missing) => qualityOf(row, k) ?? missing;
    if (order === 'name') chosen.sort(byName);
    if (order === 'low') chosen.sort((a, b) => number(a, 101) - number(b, 101) || byName(a, b));
    if (order === 'high') chosen.sort((a, b) => number(b, -1) - number(a, -1) || byName(a, b));
    show(0);
  }

  function show(number) {
    page = number;
    const k = classOf();
    const pages = Math.max(1, Math.ceil(chosen.length / PER_PAGE));
    const rows = chosen.slice(page * PER_PAGE, (page + 1) * PER_PAGE);
    find('sheet').replaceChildren(...rows.map(row => tile(row, k)));
    const all = MASKS.images.length;
    find('count').textContent = `${chosen.length} of ${all} ${all === 1 ? 'image' : 'images'}`;
    find('place').textContent = `page ${page + 1} of ${pages}`;
    find('previous').disabled = page === 0;
    find('next').disabled = page + 1 >= pages;
  }

  function tile(row, k) {
    const labels = row[LABELS].map(label => MASKS.classes[label]).join(', ') || 'no label';
    const figure = document.createElement('figure');
    if (row[FILE]) {
      const image = element('img', '', figure);
      image.loading = 'lazy';
      image.src = `${MASKS.folder}/${row[FILE]}`;
      image.alt = `Mask on ${row[NAME]}: ${labels}`;
    } else {
      element('p', 'The image cannot be shown.', figure);
    }
    const caption = element('figcaption', '', figure);
    element('strong', row[NAME], caption);
    element('span', labels, caption);
    const quality = qualityOf(row, k);
    const of = k === null ? '' : ` of ${MASKS.classes[k]}`;
    if (quality !== null) element('span', `${unit}${of} ${quality.toFixed(0)} %`, caption);
    if (row[SCORE] > 0) element('span', row[REASON], caption).className = 'reason';
    return figure;
  }

  find('controls').addEventListener('input', choose);
  find('controls').addEventListener('submit', event => event.preventDefault());
  const turn = step => {
    show(page + step);
    window.scrollTo({ top: find('controls').offsetTop });
  };
  find('previous').addEventListener('click', () => turn(-1));
  find('next').addEventListener('click', () => turn(1));
  choose();
})();
