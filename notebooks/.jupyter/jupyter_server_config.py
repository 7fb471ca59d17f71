"""Configuration of `make lab`: notebooks are saved without outputs, so that running one leaves nothing for git and DVC to notice."""

from analytics.runner.strip import on_save

c = get_config()  # noqa: F821 - given by Jupyter
c.FileContentsManager.pre_save_hook = on_save
c.ServerApp.open_browser = True
