// what the theme leaves out for keyboards and screen readers
document.addEventListener('DOMContentLoaded', () => {
  document.querySelectorAll('.caption[role=heading]').forEach((node) => {
    node.setAttribute('aria-level', '2');
  });
  document.querySelector('.sidebar-drawer')?.setAttribute('aria-label', 'All pages');
  document.querySelector('.toc-drawer')?.setAttribute('aria-label', 'On this page');
  const focusWhatScrolls = () => {
    document.querySelectorAll('pre, .table-wrapper').forEach((node) => {
      if (node.scrollWidth > node.clientWidth) node.tabIndex = 0;
    });
  };
  focusWhatScrolls();
  window.addEventListener('resize', focusWhatScrolls);
});
