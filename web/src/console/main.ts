/** The ops console. */
document.getElementById('console')?.append('Stanchion');
