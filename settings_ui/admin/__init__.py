"""The staff's pages of what the screen itself keeps."""

from settings_ui.admin.drafts import SettingsDraftAdmin

__all__ = ["SettingsDraftAdmin"]
