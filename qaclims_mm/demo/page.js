() => {
    // gradio gives some buttons no name, and others a name that differs from their text
    const nameButtons = () => {
        for (const button of document.querySelectorAll('.upload-container, .thumbnail-item')) {
            if (button.ariaLabel) button.removeAttribute('aria-label');
        }
        for (const image of document.querySelectorAll('.thumbnail-item img')) {
            if (image.alt) image.alt = '';
        }
        for (const frame of document.querySelectorAll('.filled .image-frame')) {
            const button = frame.closest('button');
            const label = frame.closest('.block').querySelector('[data-testid=block-label]');
            if (button && label && !button.ariaLabel) button.ariaLabel = label.textContent.trim();
        }
    };
    new MutationObserver(nameButtons).observe(document.body, {
        childList: true, subtree: true, attributeFilter: ['aria-label', 'alt'],
    });
    nameButtons();
}
