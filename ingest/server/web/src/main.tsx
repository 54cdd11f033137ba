import { render } from 'preact';
import './styles/page.css';
import { App } from './app.tsx';
import { connect } from './centre.ts';
import { followAddress } from './looking.ts';
import { followTheme } from './palette.ts';

followTheme();
followAddress();
connect();

const page = document.getElementById('page');
if (!page) throw new Error('index.html has lost its #page');
render(<App />, page);
