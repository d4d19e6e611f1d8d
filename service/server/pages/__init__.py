"""The reporter's pages: server-rendered, whole without scripts. See service.server.pages.site."""
